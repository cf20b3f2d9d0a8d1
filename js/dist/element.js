import{a}from"./chunk-MAP5CIQU.js";import"./chunk-YRZCUMYD.js";import"./chunk-P7DMKEBL.js";import"./chunk-PT3SD4II.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};
