import{a as b,b as c}from"./chunk-ZQGKE7ZW.js";import{g as a}from"./chunk-USCG5LGW.js";export{c as Connection,b as connect,a as realWorld};
