import{g as a}from"./chunk-VEDT3U6R.js";import"./chunk-XDHUPSKE.js";import"./chunk-7ZQIYFGI.js";export{a as TidingsBell};
