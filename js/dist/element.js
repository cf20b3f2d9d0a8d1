import{g as a}from"./chunk-JBHPCBQQ.js";import"./chunk-457IROXS.js";import"./chunk-VZQBYH2R.js";export{a as TidingsBell};
