import{a as b,b as c}from"./chunk-QGYWI2CZ.js";import{a}from"./chunk-CC74UVQB.js";export{c as Connection,b as connect,a as defaultEnv};
