import{a,c as b,j as c,k as d}from"./chunk-7ZQIYFGI.js";export{d as Connection,b as TidingsError,c as connect,a as defaultEnv};
