import{g as a}from"./chunk-7UGTXRP3.js";import"./chunk-2ITJUMCG.js";import"./chunk-LSZLMMXH.js";export{a as TidingsBell};
