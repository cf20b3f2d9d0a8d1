import{g as a}from"./chunk-AWA73U4V.js";import"./chunk-G4X57FPZ.js";import"./chunk-7UPITDWL.js";export{a as TidingsBell};
