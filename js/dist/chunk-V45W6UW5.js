function e(n){if(!n||typeof n!="string")return null;try{let{href:r,protocol:t}=new URL(n,document.baseURI);return/^https?:$/.test(t)?r:null}catch{return null}}export{e as a};
