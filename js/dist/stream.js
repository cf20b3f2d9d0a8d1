import{a as b,b as c}from"./chunk-WRGYTSYE.js";import{h as a}from"./chunk-EZJ3QKA3.js";export{c as Connection,b as connect,a as realWorld};
