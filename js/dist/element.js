import{g as a}from"./chunk-YAAVTE5T.js";import"./chunk-LTBU6SYD.js";import"./chunk-H5NGJU3H.js";export{a as TidingsBell};
