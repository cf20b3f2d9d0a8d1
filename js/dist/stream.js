import{a,c as b,i as c,j as d}from"./chunk-YHWWVQC3.js";export{d as Connection,b as TidingsError,c as connect,a as defaultEnv};
