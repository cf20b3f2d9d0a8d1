import{a}from"./chunk-MDY25ZKD.js";import"./chunk-PI7EYK42.js";import"./chunk-OTUKL67Z.js";import"./chunk-EZJ3QKA3.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};
