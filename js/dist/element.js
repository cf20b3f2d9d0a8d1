import{g as a}from"./chunk-EQV3H5SK.js";import"./chunk-SALJA7IY.js";import"./chunk-KY36ODJH.js";export{a as TidingsBell};
