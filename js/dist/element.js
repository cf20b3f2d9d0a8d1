import{g as a}from"./chunk-UN4TTRQM.js";import"./chunk-OL5DMAFV.js";import"./chunk-SQ6FNHEY.js";export{a as TidingsBell};
