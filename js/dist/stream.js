import{a as b,b as c}from"./chunk-YLGQF2MK.js";import{i as a}from"./chunk-UVNWQCNM.js";export{c as Connection,b as connect,a as realWorld};
