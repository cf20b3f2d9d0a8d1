import{g as a}from"./chunk-DMSYOYWL.js";import"./chunk-K6QWUUTJ.js";import"./chunk-KENFMGUL.js";export{a as TidingsBell};
