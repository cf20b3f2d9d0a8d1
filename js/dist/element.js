import{g as a}from"./chunk-KZQ3MGEQ.js";import"./chunk-PZPTXFOQ.js";import"./chunk-KY36ODJH.js";export{a as TidingsBell};
