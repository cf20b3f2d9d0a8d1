import{g as a}from"./chunk-X2UP7PLU.js";import"./chunk-QKN2UU4P.js";import"./chunk-TKYSKWBN.js";export{a as TidingsBell};
