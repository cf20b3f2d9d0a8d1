import{a}from"./chunk-GQNKJI2M.js";import"./chunk-U2ORQGT4.js";import"./chunk-ZQGKE7ZW.js";import"./chunk-USCG5LGW.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};
