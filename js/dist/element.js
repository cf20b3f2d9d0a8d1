import{g as a}from"./chunk-FPEAX7D4.js";import"./chunk-WRYKRNUO.js";import"./chunk-4NSS7IWW.js";export{a as TidingsBell};
