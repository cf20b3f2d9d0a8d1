import{a}from"./chunk-CPOFWVOI.js";import"./chunk-JEQHIWXG.js";import"./chunk-QGYWI2CZ.js";import"./chunk-CC74UVQB.js";import"./chunk-BHBSI4Y4.js";export{a as TidingsBell};
