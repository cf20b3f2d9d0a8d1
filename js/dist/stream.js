import{a as b,b as c}from"./chunk-OTUKL67Z.js";import{h as a}from"./chunk-EZJ3QKA3.js";export{c as Connection,b as connect,a as realWorld};
