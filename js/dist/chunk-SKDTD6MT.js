function e(t){if(!t)return null;try{let{href:n,protocol:r}=new URL(t,document.baseURI);return/^https?:$/.test(r)?n:null}catch{return null}}export{e as a};
