import{a as b,b as c}from"./chunk-K2WRRXDJ.js";import{g as a}from"./chunk-2FU2WHNF.js";export{c as Connection,b as connect,a as realWorld};
