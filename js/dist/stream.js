import{a as b,b as c}from"./chunk-P7DMKEBL.js";import{h as a}from"./chunk-PT3SD4II.js";export{c as Connection,b as connect,a as realWorld};
