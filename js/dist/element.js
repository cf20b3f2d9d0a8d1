import{a}from"./chunk-XYEY2NAT.js";import"./chunk-5G2CQRAT.js";import"./chunk-WRGYTSYE.js";import"./chunk-EZJ3QKA3.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};
