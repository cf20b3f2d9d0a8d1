import{g as a}from"./chunk-SM7AB53U.js";import"./chunk-PZPTXFOQ.js";import"./chunk-KY36ODJH.js";export{a as TidingsBell};
