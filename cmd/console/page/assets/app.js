/*!
preact 11.2.0

The MIT License (MIT)

Copyright (c) 2015-present Jason Miller

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.

htm 3.1.1: Apache License, Version 2.0, http://www.apache.org/licenses/LICENSE-2.0
*/
var E,Dt,_n,oe,ct,je,Ht,Pe,Bt,dt,lt,vn,Ie=Symbol.for("pv"),De={},He=[],yn=/^m(i|n|o|s|text|space)$/,pt=Array.isArray,ut=He.slice,ue=Object.assign;function pe(e){e&&e.parentNode&&e.remove()}function Ut(e,t,s){var n,r,o,a={},i=arguments.length;for(o in t)o=="key"?n=t[o]:o=="ref"&&typeof e!="function"?r=t[o]:a[o]=t[o];return i>2&&(a.children=i>3?ut.call(arguments,2):s),Te(e,a,n,r,null)}function Te(e,t,s,n,r){var o={type:e,props:t,key:s,ref:n,__k:null,__:null,__b:0,__e:null,__c:null,constructor:Ie,__v:r||++Dt,__i:-1,__u:0};return!r&&E.vnode&&E.vnode(o),o}function Be(e){return e.children}function Fe(e,t){this.props=e,this.context=t,this.__g=0}function ae(e,t){if(t==null)return e.__&&ae(e.__,e.__i+1);for(var s;t<e.__k.length;t++)if((s=e.__k[t])&&s.__e)return s.__e;return typeof e.type!="function"||e.props.__P?null:ae(e)}function kn(e){var t,s=e.__v,n=s.__e,r=[],o=[],a=e.__P;a&&((t=ue({constructor:Ie},s)).__v=s.__v+1,E.vnode&&E.vnode(t),ht(a,t,s,e.__n,a.namespaceURI,32&s.__u?[n]:null,r,n||ae(s),32&s.__u,o),t.__v=s.__v,t.__.__k[t.__i]=t,Jt(r,t,o),s.__=s.__e=null,t.__e!=n&&Wt(t))}function Wt(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),Wt(e)}function qt(e){(8&e.__g||(e.__g|=8,oe.push(e),je++))&&ct==E.debounceRendering||((ct=E.debounceRendering)||queueMicrotask)(Kt)}function Kt(){try{for(var e,t=1;oe.length;)oe.length>t&&oe.sort(Ht),e=oe.shift(),t=oe.length,8&e.__g&&kn(e)}finally{(je=oe.length)&&(ct||queueMicrotask)(Kt)}}function Vt(e,t,s,n,r,o,a,i,c,p,d){var f,h,u,g,y,m,k=n.__k||He,v=t.length;for(c=bn(s,t,k,c,v),f=0;f<v;f++)(u=s.__k[f])!=null&&(h=~u.__i&&k[u.__i]||De,u.__i=f,m=ht(e,u,h,r,o,a,i,c,p,d),g=u.__e,(h.ref!=u.ref||8&h.__u)&&(h.ref&&ft(h.ref,null,u,h),u.ref&&d.push(u.ref,u.__c||g,u)),y=y||g,4&u.__u?(c=zt(u,c,e,!h.__v),h.__e&&(h.__e=null)):typeof u.type=="function"&&m!==void 0?c=m:g&&(c=g.nextSibling),u.__u&=-21);return s.__e=y,c}function bn(e,t,s,n,r){var o,a,i,c,p,d,f,h,u,g=s.length,y=g,m=0,k=0,v=e.__k=Array(r);for(o=0;o<r;o++)(a=t[o])!=null&&typeof a!="boolean"&&typeof a!="function"?(typeof a!="object"||a.constructor===String?a=v[o]=Te(null,a):pt(a)?a=v[o]=Te(Be,{children:a}):a.constructor===Ie&&a.__b?a=v[o]=Te(a.type,a.props,a.key,a.ref,a.__v):v[o]=a,c=o+m,a.__=e,a.__b=e.__b+1,i=null,~(p=a.__i=wn(a,s,c,y))&&(y--,(i=s[p])&&(i.__u|=2)),i&&i.__v?(a.__u|=16,p==c-1?m--:p==c+1?m++:p!=c&&(p>c?m--:m++,k=1)):(~p||(r>g?m--:r<g&&m++),typeof a.type!="function"&&(a.__u|=4))):v[o]=null;if(k){for(d=[],f=[],o=0;o<r;o++)if((a=v[o])&&16&a.__u){for(m=0,h=d.length;m<h;)d[u=m+h>>1]<a.__i?m=u+1:h=u;d[m]=a.__i,f[o]=m+1}for(m=d.length;o--;)f[o]&&(f[o]==m?m--:v[o].__u|=4)}if(y)for(o=0;o<g;o++)!(i=s[o])||2&i.__u||(i.__e==n&&(n=ae(i)),$t(i,i));return n}function zt(e,t,s,n){var r,o,a,i;if(typeof e.type=="function"){if(e.props.__P)return t;if(r=e.__k)for(o=0;o<r.length;o++)r[o]&&(r[o].__=e,t=zt(r[o],t,s,!1));return t}for(t&&!t.parentNode&&(t=ae(e))&&!t.parentNode&&(t=null),a=e.__e,i=t;i&&i.nodeType==8;)i=i.nextSibling;for(a!=i&&(!n&&s.moveBefore&&a.parentNode?s.moveBefore(a,t):s.insertBefore(a,t||null)),t=a;(t=t&&t.nextSibling)&&t.nodeType==8&&!t.data.startsWith("$s"););return t}function wn(e,t,s,n){var r,o=e.key,a=e.type,i=t[s],c=i&&!(2&i.__u);if(i===null&&o==null||c&&o==i.key&&a==i.type)return s;if(n>(c?1:0)){for(r=s-1;r>=0;r--)if((i=t[r])&&!(2&i.__u)&&o==i.key&&a==i.type)return r;for(r=s+1;r<t.length;r++)if((i=t[r])&&!(2&i.__u)&&o==i.key&&a==i.type)return r}return-1}function jt(e,t,s){s==null&&(s=""),t[0]=="-"?e.setProperty(t,s):e[t]=s}function Ae(e,t,s,n,r){var o,a;if(t=="style")if(typeof s=="string")e.style.cssText=s;else{if(typeof n=="string"&&(e.style.cssText=n=""),n)for(t in n)s&&t in s||jt(e.style,t);if(s)for(t in s)n&&s[t]==n[t]||jt(e.style,t,s[t])}else if(t[0]=="o"&&t[1]=="n")typeof s!="function"&&(s=null),typeof n!="function"&&(n=null),(e.__e||(e.__e={}))[t]=s,s&&n||(a=lt[t]||(lt[t]=xn(t)),(e.__a||(e.__a={}))[t]=dt,o=t!=(t=t.replace(Bt,"$1")),(t=t.slice(2))[0]<"a"&&(t=t.toLowerCase()),s?e.addEventListener(t,a,o):e.removeEventListener(t,a,o));else{if(r=="http://www.w3.org/2000/svg")t=t.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(t!="width"&&t!="height"&&t!="href"&&t!="list"&&t!="form"&&t!="tabIndex"&&t!="download"&&t!="rowSpan"&&t!="colSpan"&&t!="role"&&t!="popover"&&t in e)try{return void(e[t]=s??"")}catch{}if(typeof s=="function")return;s==null||s===!1&&t[4]!="-"?e.removeAttribute(t):e.setAttribute(t,t=="popover"&&s==1?"":s)}}function xn(e){return function(t){var s=this.__e;if(s){if(s=s[e],t[Pe]==null)t[Pe]=dt++;else if(t[Pe]<this.__a[e])return;return s(E.event?E.event(t):t)}}}function ht(e,t,s,n,r,o,a,i,c,p){var d,f,h,u,g,y,m,k,v,_,$,M,P,O,N,$e,Y,Q,b=t.type;if(t.constructor!==Ie)return null;128&s.__u&&(c=32&s.__u,d=s.__c.__z)&&(t.__u|=c,f=o=[],d.nodeType==8?i=qe(d,o):o.push(d),i=o[0]||i),(d=E.__b)&&d(t);e:if(typeof b=="function"){h=a.length;try{if(k=t.props,v=(d=b.prototype)&&d.render,_=(d=b.contextType)&&n[d.__c],$=d?_?_.props.value:d.__:n,(u=s.__c)?(t.__c=u,2&u.__g&&(u.__g|=1)):(v?t.__c=u=new b(k,$):(t.__c=u=new Fe(k,$),u.constructor=b,u.render=Sn),_&&_.sub(u),u.state||(u.state={}),u.__n=n,u.__g|=8,u.__h=[],u.__k=[]),v&&(u.__s||(u.__s=u.state),b.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=ue({},u.__s)),ue(u.__s,b.getDerivedStateFromProps(k,u.__s)))),g=u.props,y=u.state,u.__v=t,s.__c){if(k!==g&&v&&!b.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(k,$),t.__v==s.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(k,u.__s,$)===!1){t.__v!=s.__v&&(u.props=k,u.state=u.__s,u.__g&=-9),t.__e=s.__e,t.__k=s.__k,t.__k.some(function(I){I&&(I.__=t)}),He.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&a.push(u),i=ae(s);break e}u.componentWillUpdate&&u.componentWillUpdate(k,u.__s,$),v&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(g,y,m)})}else v&&!b.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),v&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=$,u.props=k,u.__P=e,u.__g&=-5,M=E.__r,P=v?25:0;do u.__g&=-9,M&&M(t),d=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++P<25);v&&(He.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(n=ue({},n,u.getChildContext())),v&&s.__c&&u.getSnapshotBeforeUpdate&&(m=u.getSnapshotBeforeUpdate(g,y)),O=d&&d.type===Be&&d.key==null?d.props.children:d,k.__P&&(d=i,r=(e=k.__P).namespaceURI,c=o=null,s.props&&s.props.__P!=e&&(s.__k.some(function(I){I&&$t(I,I)}),s.__k=null),i=s.__k?ae(s,0):null),i=Vt(e,pt(O)?O:[O],t,s,n,r,o,a,i,c,p),k.__P&&(t.__e=null,i=d),t.__u&=-161,f&&f.some(pe),u.__h.length&&a.push(u),1&u.__g&&(u.__g&=-4)}catch(I){if(a.length=h,t.__v=null,c||o)if(I&&I.then){if(t.__u|=128|c,o){for(~(Y=o.indexOf(i||void 0))||(Y=o.length);(Q=o[Y-1])&&Q.nodeType==8;)Y--;for(;Y<o.length;Y++)if(Q=o[Y])if(o[Y]=null,N){if(Q==$e)break}else{if(Q.nodeType!=8)break;Q.data.startsWith("$s")&&($e=qe(N=Q))}}if(!N){for(;i&&i.nodeType==8&&i.nextSibling;)i=i.nextSibling;N=i}(d=qe(N=t.__c.__z||(t.__c.__z=N)))?(t.__e=N,i=d):t.__e=i,i=i&&i.nextSibling}else o&&o.some(pe);else t.__e=s.__e;t.__k||(t.__k=s.__k||[]),I&&I.then||Gt(t),E.__e(I,t,s)}}else i=t.__e=Mn(s.__e,t,s,n,r,o,a,c,p,e);return(d=E.diffed)&&d(t),i}function qe(e,t){if(e&&e.nodeType==8&&e.data.startsWith("$s"))for(var s=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith("$s"))s++;else if(e.data.startsWith("/$s")&&!--s)return e}t&&t.push(e)}}function Gt(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(Gt))}function Jt(e,t,s){for(var n=0;n<s.length;)ft(s[n++],s[n++],s[n++]);E.__c&&E.__c(t,e),e.some(function(r){try{e=r.__h,r.__h=[],e.some(function(o){o.call(r)})}catch(o){E.__e(o,r.__v)}})}function Mn(e,t,s,n,r,o,a,i,c,p){var d,f,h,u,g,y,m,k,v=s.props||De,_=t.props,$=t.type;if($=="svg"?r="http://www.w3.org/2000/svg":$=="math"?r="http://www.w3.org/1998/Math/MathML":r||(r="http://www.w3.org/1999/xhtml"),o){for(d=0;d<o.length;d++)if((g=o[d])&&($?g.localName==$:g.nodeType==3)){e=g,o[d]=null;break}}if(!e){if(k=p.ownerDocument||document,!$)return k.createTextNode(_);e=k.createElementNS(r,$,_.is?_:p),i&&(E.__m&&E.__m(t,o),i=!1),o=null}if($){if(p=$=="template"&&e.content||e,o=$=="textarea"&&_.defaultValue!=null?null:o&&ut.call(p.childNodes),!i&&o)for(v={},d=0;d<e.attributes.length;d++)v[(g=e.attributes[d]).name]=g.value;for(d in v)g=v[d],d=="dangerouslySetInnerHTML"?h=g:d=="children"||d in _||d=="value"&&"defaultValue"in _||d=="checked"&&"defaultChecked"in _||Ae(e,d,null,g,r);for(d in _)g=_[d],d=="children"?u=g:d=="dangerouslySetInnerHTML"?f=g:d=="value"?y=g:d=="checked"?m=g:i&&typeof g!="function"||v[d]===g||Ae(e,d,g,v[d],r);f?(i||h&&(f.__html==h.__html||f.__html==e.innerHTML)||(e.innerHTML=f.__html),t.__k=[]):(h&&(e.textContent=""),($=="foreignObject"||r=="http://www.w3.org/1998/Math/MathML"&&yn.test($))&&(r="http://www.w3.org/1999/xhtml"),Vt(p,pt(u)?u:[u],t,s,n,r,o,a,o?o[0]:s.__k&&ae(s,0),i,c),o&&o.some(pe)),i&&$!="textarea"||(d="value",$=="progress"&&y==null?e.removeAttribute(d):y==null||y===e[d]&&($!="progress"||y)||Ae(e,d,y,v[d],r),d="checked",m!=null&&m!=e[d]&&Ae(e,d,m,v[d],r))}else v===_||i&&e.data==_||(e.data=_);return e}function ft(e,t,s,n){try{typeof e=="function"?t?t.__x=e(t)||1:n&&(n=n.__c||n.__e)&&(t=n.__x)&&(n.__x=null,typeof t=="function"?t():e(null)):e.current=t}catch(r){E.__e(r,s)}}function $t(e,t,s){var n,r,o,a;if(E.unmount&&E.unmount(e),!(n=e.ref)||n.current&&n.current!=e.__e||ft(n,null,t,e),n=e.__c){if(n.componentWillUnmount)try{n.componentWillUnmount()}catch(i){E.__e(i,t)}n.__P=n.__n=null}if(n=e.__k)for(a=0;a<n.length;a++)n[a]&&$t(n[a],t,typeof e.type!="function"||s&&!e.props.__P);!s&&(n=e.__c)&&(n=n.__z)&&(r=qe(n,o=[]))&&(n==e.__e&&o.some(pe),pe(r),pe(n)),s||pe(e.__e),e.__e=e.__c=e.__=null}function Sn(e,t,s){return this.constructor(e,s)}function Xt(e,t){var s,n,r,o;E.__&&E.__(e,t),t.nodeType==9&&(t=t.documentElement),n=(s=e&&32&e.__u)?null:t.__k,t.__k=Te(Be,{children:[e]}),r=[],o=[],ht(t,t.__k,n||De,De,t.namespaceURI,n?null:t.firstChild?ut.call(t.childNodes):null,r,n?n.__e:t.firstChild,s,o),Jt(r,t.__k,o),t.__k.props.children=null}E={__e:function(e,t,s,n){for(var r,o,a;t=t.__;)if((r=t.__c)&&!(1&r.__g)){r.__g|=4;try{if((a=(o=r.constructor)&&o.getDerivedStateFromError)&&r.setState(o.getDerivedStateFromError(e)),r.componentDidCatch&&(r.componentDidCatch(e,n||{}),a=1),a&&8&r.__g)return void(r.__g|=2)}catch(i){e=i}}throw je=0,e}},Dt=0,_n=function(e){return e!=null&&e.constructor===Ie},Fe.prototype.setState=function(e,t){var s=this.__s;s&&s!=this.state||(s=this.__s=ue({},this.state)),typeof e=="function"&&(e=e(ue({},s),this.props)),e&&(ue(s,e),this.__v&&(t&&this.__k.push(t),qt(this)))},Fe.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),qt(this))},Fe.prototype.render=Be,oe=[],je=0,Ht=function(e,t){return e.__v.__b-t.__v.__b},Pe=Symbol(),Bt=/(PointerCapture)$|Capture$/i,dt=0,lt={},vn=0;var Qt=function(e,t,s,n){var r;t[0]=0;for(var o=1;o<t.length;o++){var a=t[o++],i=t[o]?(t[0]|=a?1:2,s[t[o++]]):t[++o];a===3?n[0]=i:a===4?n[1]=Object.assign(n[1]||{},i):a===5?(n[1]=n[1]||{})[t[++o]]=i:a===6?n[1][t[++o]]+=i+"":a?(r=e.apply(i,Qt(e,i,s,["",null])),n.push(r),i[0]?t[0]|=2:(t[o-2]=0,t[o]=r)):n.push(i)}return n},Yt=new Map;function Zt(e){var t=Yt.get(this);return t||(t=new Map,Yt.set(this,t)),(t=Qt(this,t.get(e)||(t.set(e,t=(function(s){for(var n,r,o=1,a="",i="",c=[0],p=function(h){o===1&&(h||(a=a.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,h,a):o===3&&(h||a)?(c.push(3,h,a),o=2):o===2&&a==="..."&&h?c.push(4,h,0):o===2&&a&&!h?c.push(5,0,!0,a):o>=5&&((a||!h&&o===5)&&(c.push(o,0,a,r),o=6),h&&(c.push(o,h,0,r),o=6)),a=""},d=0;d<s.length;d++){d&&(o===1&&p(),p(d));for(var f=0;f<s[d].length;f++)n=s[d][f],o===1?n==="<"?(p(),c=[c],o=3):a+=n:o===4?a==="--"&&n===">"?(o=1,a=""):a=n+a[0]:i?n===i?i="":a+=n:n==='"'||n==="'"?i=n:n===">"?(p(),o=1):o&&(n==="="?(o=5,r=a,a=""):n==="/"&&(o<5||s[d][f+1]===">")?(p(),o===3&&(c=c[0]),o=c,(c=c[0]).push(2,0,o),o=0):n===" "||n==="	"||n===`
`||n==="\r"?(p(),o=2):a+=n),o===3&&a==="!--"&&(o=4,c=c[0])}return p(),c})(e)),t),arguments,[])).length>1?t:t[0]}var l=Zt.bind(Ut),Tn={map:"M4 6h5v5H4zM15 13h5v5h-5zM9 8.5h4.5v7H15",traces:"M4 6h9M8 12h10M12 18h8",ingestion:"M4 7h6l4 10h6M4 17h6M14 7h6",logs:"M5 6h14M5 10h14M5 14h9M5 18h11",try:"M5 12h13M12 6l6 6-6 6",break:"M13 3 6 13h5l-1 8 8-11h-6z",sun:"M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4",moon:"M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5z",auto:"M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",help:"M9 9.5a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8M12 17.5v.01M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18",close:"M6 6l12 12M18 6 6 18",back:"M15 5l-7 7 7 7",chevron:"M9 6l6 6-6 6",pause:"M8 5v14M16 5v14",play:"M7 5l11 7-11 7z",database:"M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3zM5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3",clients:"M4 5h16v11H4zM9 20h6M12 16v4",registry:"M5 4h14v16H5zM9 9h6M9 13h6M5 8H3M5 16H3",broker:"M4 7h16M4 12h16M4 17h16M8 5v4M15 10v4M10 15v4",copy:"M9 9h10v11H9zM5 15V4h10",link:"M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",check:"M5 12.5l4.5 4.5L19 7.5",producers:"M5 4h14v10H5zM3 19h18M9 8l4 2-4 2z"};function C({name:e,size:t=16}){return l`<svg class="icon" width=${t} height=${t} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${Tn[e]} />
      </svg>`}var es=["movie","metadata","rating","ratingingester"];function ee(e){let t=es.indexOf(e);if(t>=0)return`tone-${t}`;let s=0;for(let n of e??"")s=(s*31+n.codePointAt(0))%4;return`tone-${es.length+s}`}function U({name:e}){return l`<span class=${`service ${ee(e)}`}><i class="dot" aria-hidden="true"></i>${e||"unknown"}</span>`}function L({title:e,children:t,action:s}){return l`<div class="empty"><h2>${e}</h2><div class="empty-text">${t}</div>${s}</div>`}function z({kind:e="error",children:t}){return l`<p class=${`banner banner-${e}`} role=${e==="error"?"alert":void 0}>${t}</p>`}function ts({label:e,value:t,options:s,onChange:n}){return l`<div class="segments" role="group" aria-label=${e}>
    ${s.map(([r,o])=>l`<button type="button" key=${r} aria-pressed=${r===t}
      onClick=${()=>n(r)}>${o}</button>`)}
  </div>`}function he({label:e,value:t,options:s,all:n,onChange:r}){return l`<label class="field"><span class="field-label">${e}</span>
    <select value=${t} onChange=${o=>r(o.currentTarget.value)}>
      <option value="">${n}</option>
      ${s.map(o=>l`<option key=${o} value=${o}>${o}</option>`)}
      ${t&&!s.includes(t)&&l`<option value=${t}>${t}</option>`}
    </select></label>`}function me({label:e,value:t,placeholder:s,onChange:n,type:r="search",width:o}){return l`<label class=${`field ${o??""}`}><span class="field-label">${e}</span>
    <input type=${r} value=${t} placeholder=${s} spellcheck=${!1} autocomplete="off"
      min=${r==="number"?0:void 0} step=${r==="number"?"any":void 0}
      onInput=${a=>n(a.currentTarget.value)} /></label>`}function ie({facts:e}){return l`<dl class="facts">${e.filter(([,t])=>t!=null&&t!=="").map(([t,s])=>l`<div key=${t}><dt>${t}</dt><dd>${s}</dd></div>`)}</dl>`}var ge,q,mt,ss,gt=Object.is,Ue=0,ps=[],_t=[],A=E,ns=A.__b,rs=A.__r,os=A.diffed,as=A.__c,is=A.unmount,cs=A.__;function We(e,t){A.__h&&A.__h(q,e,Ue||t),Ue=0;var s=q.__H||(q.__H={__:[],__h:[]});return e>=s.__.length&&s.__.push({}),s.__[e]}function w(e){return Ue=1,yt(us,e)}function yt(e,t,s){var n=We(ge++,2);if(n.t=e,!n.__c&&(n.__=[s?s(t):us(void 0,t),function(o){var a=(n.__N||n.__)[0],i=n.t(a,o);gt(a,i)||(n.__N=[i,n.__[1]],n.__c.setState({}))}],n.__c=q,!q.__f)){q.__f=!0;var r=q.shouldComponentUpdate;q.shouldComponentUpdate=function(o,a,i){var c=this.__H;if(!c)return!0;var p=!1,d=this.props!=o;if(c.__.some(function(h){h.__N&&(p=!0,gt(h.__[0],h.__N[0])||(d=!0))}),r){var f=r.call(this,o,a,i);return p?f||d:f}return!p||d}}return n.__}function S(e,t){var s=We(ge++,3);!A.__s&&kt(s.__H,t)&&(s.__P=!0,s.__=e,s.u=t,q.__H.__h.push(s))}function fe(e,t){var s=We(ge++,4);!A.__s&&kt(s.__H,t)&&(s.__P=!1,s.__=e,s.u=t,q.__h.push(s))}function D(e){return Ue=5,ce(function(){return{current:e}},[])}function ce(e,t){var s=We(ge++,7);return kt(s.__H,t)&&(s.__=e(),s.__H=t),s.__}function In(){var e;do{for(;e=_t.shift();)try{Ce(e)}catch(s){A.__e(s,{__:(e=e.__P)&&e.__v})}for(;e=ps.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Ce),t.__h.some(vt),t.__h=[]}catch(s){t.__h=[],A.__e(s,e.__v)}}}while(_t.length)}A.__b=function(e){q=null,ns&&ns(e)},A.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),cs&&cs(e,t)},A.__r=function(e){rs&&rs(e),ge=0;var t=(q=e.__c).__H;t&&(mt==q?q.__h=[]:(t.__h.some(Ce),t.__h.some(vt),ge=0),t.__h=[],t.__.some(function(s){s.__N&&(s.__=s.__N),s.u=s.__N=void 0})),mt=q},A.diffed=function(e){os&&os(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&ds(ps.push(t)),t.__H.__.some(function(s){s.u&&(s.__H=s.u)})),mt=q=null},A.__c=function(e,t){t.some(function(s){try{s.__h.some(Ce),s.__h=s.__h.filter(function(n){return!n.__||vt(n)})}catch(n){s.__h=[function(){throw n}]}}),as&&as(e,t)},A.unmount=function(e){is&&is(e);var t,s,n=e.__c;n&&n.__H&&(n.__H.__.some(function(r){try{if(r.__P&&r.__c){if(s===void 0){for(s=e.__;s&&(!s.__c||!s.__c.__P);)s=s.__;s=s&&s.__c}r.__P=s,ds(_t.push(r))}else Ce(r)}catch(o){t=o}}),n.__H=void 0,t&&A.__e(t,n.__v))};var ls=typeof requestAnimationFrame=="function";function Cn(e){var t,s=function(){clearTimeout(n),ls&&cancelAnimationFrame(t),setTimeout(e)},n=setTimeout(s,35);ls&&(t=requestAnimationFrame(s))}function ds(e){e!=1&&ss==A.requestAnimationFrame||((ss=A.requestAnimationFrame)||Cn)(In)}function Ce(e){var t=q,s=e.__c;typeof s=="function"&&(e.__c=void 0,s()),q=t}function vt(e){var t=q;e.__c=e.__(),q=t}function kt(e,t){return!e||e.length!=t.length||t.some(function(s,n){return!gt(s,e[n])})}function us(e,t){return typeof t=="function"?t(e):t}var hs=e=>e.querySelector('meta[name="console-token"]')?.content??"",fs=hs(document),Ke=class extends Error{constructor(t,s,n){super(t),this.status=s,this.body=n}};async function _e(e,t){let s;try{s=await fetch(e,t)}catch(r){throw r.name==="AbortError"?r:new Ke("the console does not respond",0,null)}let n=await s.json().catch(()=>null);if(!s.ok||n===null)throw new Ke(n?.error??`the console responded with status ${s.status}`,s.status,n);return n}function Ve(e){let t=Object.entries(e).filter(([,s])=>s!=null&&s!=="");return t.length?`?${new URLSearchParams(t)}`:""}var $s=(e,t)=>_e(e,{method:"POST",headers:{"content-type":"application/json","x-console-token":fs},body:JSON.stringify(t)}),ms=(e,t)=>_e(`/api/traces${Ve(e)}`,{signal:t}),gs=(e,t)=>_e(`/api/traces/${encodeURIComponent(e)}`,{signal:t}),_s=(e,t)=>_e(`/api/logs${Ve(e)}`,{signal:t}),vs=e=>_e("/api/openapi",{signal:e}),ze=e=>_e("/api/faults",{signal:e}),ys=(e,t)=>$s("/api/faults",{target:e,action:t}),ks=e=>$s("/api/try",e);async function En(){let e=await fetch("/");fs=hs(new DOMParser().parseFromString(await e.text(),"text/html"))}var On=["system","traces","ingestion","logs"],Nn=6e3,Rn=1500;function bs(e,t){let s,n=0,r=!1,o=()=>{r=!0,t("lost")},a=()=>{n=Date.now(),s=new EventSource("/api/events"),s.onopen=()=>{n=Date.now(),r&&En().catch(()=>{}),r=!1,t("live")},s.onerror=()=>{o(),s.readyState===EventSource.CLOSED&&setTimeout(a,Rn)};for(let i of On)s.addEventListener(i,c=>{n=Date.now(),e(i,JSON.parse(c.data))})};a(),setInterval(()=>{s.readyState===EventSource.OPEN&&Date.now()-n>Nn&&(s.close(),o(),a())},1e3)}var ws=new Intl.NumberFormat("en",{maximumFractionDigits:0}),xs=new Intl.DateTimeFormat("en-GB",{hour:"2-digit",minute:"2-digit",second:"2-digit"}),T=e=>typeof e=="number"&&Number.isFinite(e);function x(e){return T(e)?ws.format(e):"–"}function se(e){if(!T(e))return"–";let t=Math.abs(e);return t===0?"0":t<.01?"<0.01":t<1?e.toFixed(2):t<99.95?te(e.toFixed(1)):t<9999.5?ws.format(e):t<999500?`${te((e/1e3).toFixed(1))} k`:t<9995e5?`${te((e/1e6).toFixed(1))} M`:`${te((e/1e9).toFixed(1))} G`}var te=e=>e.replace(/\.0$/,"");function W(e){return T(e)?`${se(e>=10?Math.round(e):e)}/s`:"–"}function R(e){if(!T(e))return"–";let t=Math.abs(e);return t===0?"0 ms":t<.001?"<1 µs":t<1?`${te((e*1e3).toFixed(t<.01?1:0))} µs`:t<10?`${e.toFixed(2)} ms`:t<100?`${e.toFixed(1)} ms`:t<999.5?`${e.toFixed(0)} ms`:ve(e/1e3)}function ve(e){return T(e)?e===0?"0 s":e<10?`${te(e.toFixed(1))} s`:e<100?`${e.toFixed(0)} s`:e<5400?`${(e/60).toFixed(0)} min`:`${te((e/3600).toFixed(1))} h`:"–"}function Ge(e){return T(e)?e<10?te(e.toFixed(1)):e<999.5?e.toFixed(0):ve(e/1e3):"–"}function bt(e){return T(e)&&e<999.5?`${Ge(e)} ms`:Ge(e)}function ye(e){return T(e)?e===0?"0 %":e<.001?"<0.1 %":`${te((e*100).toFixed(e<.1?1:0))} %`:"–"}function wt(e){return T(e)?e>=100?String(e):e===0?"OK":`gRPC ${e}`:"ok"}function Ms(e){return T(e)?e<1024?`${e} B`:e<1024**2?`${(e/1024).toFixed(0)} KiB`:e<1024**3?`${(e/1024**2).toFixed(0)} MiB`:`${(e/1024**3).toFixed(1)} GiB`:"–"}function ke(e){return T(e)?xs.format(e):"–"}function le(e){return T(e)?`${xs.format(e)}.${String(Math.floor(e)%1e3).padStart(3,"0")}`:"–"}function de(e,t,s=`${t}s`){return`${x(e)} ${e===1?t:s}`}function Je(e,t){return t&&e.startsWith(`${t}-`)?e.slice(t.length+1):e}function be(e){let t=Object.entries(e??{}).filter(([,s])=>s>0);return{total:t.reduce((s,[,n])=>s+n,0),text:t.map(([s,n])=>`${s} ${x(n)}`).join(", ")}}function Xe(e){try{return JSON.stringify(JSON.parse(e),null,2)}catch{return e}}var Oe=class{constructor(t){this.numbers=new Float64Array(t).fill(NaN),this.next=0}push(t){this.numbers[this.next]=T(t)?t:NaN,this.next=(this.next+1)%this.numbers.length}all(){return[...this.numbers.subarray(this.next),...this.numbers.subarray(0,this.next)]}},Ln=30;function ne({series:e,width:t=96,height:s=28,kind:n=""}){let r=e?.all()??[],o=r.findIndex(T),a=o<0?[]:r.slice(o),i=Math.max(1e-9,...a.filter(T)),c=t/Math.max(Ln,a.length-1),p="",d="",f=-1,h=u=>{f>=0&&(d+=`L${((u-1)*c).toFixed(1)} ${s}L${(f*c).toFixed(1)} ${s}Z`),f=-1};return a.forEach((u,g)=>{if(!T(u))return h(g);let y=`${(g*c).toFixed(1)} ${(s-2-u/i*(s-4)).toFixed(1)}`;p+=`${f<0?"M":"L"}${y}`,d+=`${f<0?"M":"L"}${y}`,f<0&&(f=g)}),h(a.length),l`<svg class=${`spark ${n}`} viewBox=${`0 0 ${t} ${s}`} width=${t} height=${s}
    preserveAspectRatio="none" aria-hidden="true"><path class="spark-area" d=${d} />
      <path class="spark-line" d=${p} /></svg>`}var An=30,Is=90,V={link:"connecting",lostAt:0,system:null,traces:null,ingestion:null,changes:[],rate:new Oe(Is),rates:new Map,ingested:new Map},xt={link:new Set,system:new Set,traces:new Set,ingestion:new Set,logs:new Set};function St(e,t){return xt[e].add(t),()=>xt[e].delete(t)}function K(...e){let[,t]=yt(s=>s+1,0);return S(()=>{let s=e.map(n=>St(n,t));return()=>s.forEach(n=>n())},[]),V}var Ss=(e,t)=>xt[e].forEach(s=>s(t));function Ts(e,t){for(let[s,n]of t)e.has(s)||e.set(s,new Oe(Is)),e.get(s).push(n);for(let s of e.keys())t.has(s)||e.delete(s)}var Mt=e=>new Map((e?.services??[]).flatMap(t=>t.instances.map(s=>[s.id,s]))),Pn=0;function Fn(e,t){let s=[],n=(i,c)=>s.push({key:++Pn,timeMs:t.timeMs,text:i,kind:c}),[r,o]=[Mt(e),Mt(t)];for(let[i,c]of o){let p=r.get(i),d=["unreachable","gone","unready"].includes(c.state);p?p.state!==c.state&&n(`${i} is ${c.state}`,d?"bad":c.state==="ready"?"good":"warn"):n(`${i} joined`,"good"),p&&!p.ejected&&c.ejected&&n(`${i} is ejected: its callers avoid it`,"warn"),p?.ejected&&!c.ejected&&n(`${i} is called again`,"good")}for(let i of r.keys())o.has(i)||n(`${i} left`,"warn");for(let[i,c]of[["registry","registry"],["broker","broker"]]){let[p,d]=[e[i]?.up,t[i]?.up];p===!0&&d===!1&&n(`the ${c} does not respond`,"bad"),p===!1&&d===!0&&n(`the ${c} responds again`,"good")}let a=(t.responses?.failed??0)-(e.responses?.failed??0);a>0&&n(`${a} ${a===1?"response":"responses"} failed`,"bad"),V.changes=[...s.reverse(),...V.changes].slice(0,An)}var Tt=e=>`${e.from}→${e.to}`,qn={system(e){if(!e.services)return;V.system&&Fn(V.system,e),V.system=e,V.rate.push(e.responses?.perSecond);let t=new Map([...Mt(e)].map(([s,n])=>[s,n.perSecond]));for(let s of e.edges??[])t.set(Tt(s),s.perSecond);Ts(V.rates,t)},traces(e){V.traces=e},ingestion(e){e.instances&&(V.ingestion=e,Ts(V.ingested,new Map(e.instances.map(t=>[t.id,t.eventsPerSecond]))))},logs(){}};function Cs(){bs((e,t)=>{qn[e](t),Ss(e,t)},e=>{e==="lost"&&V.link!=="lost"&&(V.lostAt=Date.now()),V.link=e,Ss("link",e)})}var jn=[[["/"],"Search in the view"],[["↑","↓"],"Move in lists and in the waterfall"],[["Home","End"],"First and last row"],[["Enter"],"Open the row"],[["←","→"],"Fold and unfold spans"],[["Esc"],"Close the panel; from a trace, back to the list"],[["Space"],"Logs: pause and go on"],[["Ctrl","Enter"],"Try it: send the request"],[["?"],"This help"]];function Es({views:e,onClose:t}){let s=D(null);return S(()=>{s.current.showModal()},[]),l`<dialog ref=${s} class="help" aria-labelledby="help-title" onClose=${t}
    onClick=${n=>n.target===s.current&&s.current.close()}>
    <div class="help-body">
      <header><h2 id="help-title">Help</h2>
        <button type="button" class="quiet" aria-label="Close" onClick=${()=>s.current.close()}>
        <${C} name="close" /></button></header>
      <h3>Shortcuts</h3>
      <dl class="keys">
        ${e.map(([n,r],o)=>l`<div key=${n}><dt><kbd>${o+1}</kbd></dt><dd>${r}</dd></div>`)}
        ${jn.map(([n,r])=>l`<div key=${r}><dt>${n.map(o=>l`<kbd key=${o}>${o}
          </kbd>`)}</dt><dd>${r}</dd></div>`)}
      </dl>
      <h3>In production</h3>
      <p>The console reads only what every service offers: OTLP, <code>/metrics</code>, the registry, <code>/v1/ingestion</code>.
        It keeps a bounded part of it in memory. A fleet in production uses Jaeger or Tempo for traces, Prometheus for metrics
        and alerts, and Grafana for dashboards; <code>deploy/observability</code> has their configuration.</p>
    </div>
  </dialog>`}var Dn={connecting:"connecting",live:"live",lost:"disconnected"};function Ne({name:e,value:t,note:s,kind:n="",children:r}){return l`<div class=${`figure ${n}`}><dt>${e}</dt><dd><span class="figure-value">${t}</span>
    ${s&&l`<span class="figure-note">${s}</span>`}${r}</dd></div>`}function Os(){let e=K("system","traces","link"),{responses:t,services:s=[],telemetry:n}=e.system??{},r=s.flatMap(p=>p.instances).filter(p=>p.state!=="gone"),o=r.filter(p=>p.state==="ready"&&!p.ejected).length,a=t?.failed,i=be(e.traces?.dropped),c=n?.dropped??0;return l`<dl class="overview" aria-label="Overview">
    <${Ne} name="Failed responses"
      kind=${a>0?"failed is-bad":a===0?"failed is-good":"failed"} value=${x(a)}
      note=${t&&`of ${se(t.total)} since start`} />
    <${Ne} name="Responses" value=${W(t?.perSecond)}><${ne} series=${e.rate} /><//>
    <${Ne} name="Instances"
      kind=${r.length>o?"is-warn":""} value=${e.system?`${o} / ${r.length}`:"–"} note="ready" />
    <${Ne} name="Telemetry" value=${W(n?.spansPerSecond)}
      note=${n&&(c>0?`spans · ${se(c)} dropped`:"spans · none dropped")} />
    <${Ne} name="Traces kept" value=${se(e.traces?.stored)}
      note=${e.traces&&(i.total?`· ${se(i.total)} dropped`:`of ${se(e.traces.limit)}`)} />
    <div class=${`figure figure-link is-${e.link}`}><dt>Console</dt><dd><span class="link-state">
      <i class="pulse" aria-hidden="true"></i>${Dn[e.link]}</span></dd></div>
  </dl>`}function Hn(e){let[t,s=""]=e.replace(/^#\/?/,"").split("?"),[n="",...r]=t.split("/").map(o=>{try{return decodeURIComponent(o)}catch{return o}});return{view:n||"map",path:r.filter(Boolean),parameters:Object.fromEntries(new URLSearchParams(s))}}function H(e,t=[],s={}){return`#/${[e,...t].map(encodeURIComponent).join("/")}${Ve(s)}`}function Ye(e,t,s){location.hash=H(e,t,s)}function G(e,t,s){history.replaceState(null,"",H(e,t,s)),dispatchEvent(new HashChangeEvent("hashchange"))}function Ns(){let[e,t]=w(location.hash);return S(()=>{let s=()=>t(location.hash);return addEventListener("hashchange",s),()=>removeEventListener("hashchange",s)},[]),Hn(e)}var Rs="console-theme",Ls={auto:"light",light:"dark",dark:"auto"},Bn={auto:"auto",light:"sun",dark:"moon"};function Un(){try{let e=localStorage.getItem(Rs);return e in Ls?e:"auto"}catch{return"auto"}}function As(){let[e,t]=w(Un);S(()=>{document.documentElement.dataset.theme=e;try{localStorage.setItem(Rs,e)}catch{}dispatchEvent(new Event("theme"))},[e]);let s=e==="auto"?"as the system":e;return l`<button type="button" class="quiet" aria-label=${`Colours: ${s}`} title=${`Colours: ${s}`}
    onClick=${()=>t(Ls[e])}><${C} name=${Bn[e]} /></button>`}var Wn=[["calls","calls: dots per second follow the rate"],["events","events through Kafka"],["bad","failed calls"],["ejected","ejected: its callers avoid it"]];function Kn({changes:e}){return l`<section class="side-part"><h2>Changes</h2>
    ${e.length===0?l`<p class="note">Instances that join, fail, drain or are ejected appear here. Break something, and watch.</p>`:l`<ol class="changes" aria-live="polite" aria-relevant="additions">${e.slice(0,12).map(t=>l`<li key=${t.key} class=${`change is-${t.kind}`}>
        <time class="mono">${ke(t.timeMs)}</time><span>${t.text}</span></li>`)}</ol>`}</section>`}function Vn(){return l`<section class="side-part"><h2>Legend</h2><ul class="legend">
    ${Wn.map(([e,t])=>l`<li key=${e}><i class=${`sample sample-${e}`} aria-hidden="true"></i>
    ${t}</li>`)}</ul>
    <p class="note">On each arrow: calls per second, share of errors, and the latency that 50 % and 99 % of the calls stay below. Select a node or an arrow for more.</p>
    <p class="note">In production, Jaeger, Prometheus and Grafana take this console's place.</p></section>`}function zn({routes:e}){if(!e?.length)return l`<p class="note">No requests in the last seconds.</p>`;let t=[...e].sort((s,n)=>(n.perSecond??0)-(s.perSecond??0));return l`<div class="scroll" tabindex="0" role="region" aria-label="Routes"><table class="table compact"><thead>
    <tr><th scope="col">Route</th><th scope="col" class="num">Rate</th><th scope="col" class="num">Errors</th>
    <th scope="col" class="num">p50</th><th scope="col" class="num">p99</th></tr></thead>
    <tbody>${t.map(s=>l`<tr key=${`${s.protocol} ${s.route}`}><td class="route"><span class="protocol">
        ${s.protocol}</span> <span class="mono">${s.route}</span></td>
      <td class="num">${W(s.perSecond)}</td><td class=${`num ${s.errorRatio>0?"is-bad":""}`}>
        ${ye(s.errorRatio)}</td><td class="num">${R(s.p50Ms)}</td><td class="num">
        ${R(s.p99Ms)}</td></tr>`)}</tbody></table></div>`}var Ps=e=>[["Rate",W(e.perSecond)],["Errors",ye(e.errorRatio)],["p50",R(e.p50Ms)],["p99",R(e.p99Ms)]];function Gn({instance:e,service:t,live:s}){let n=e.ejected?`${e.state}, ejected by its callers`:e.state;return l`<p class="side-kind"><${U} name=${t} /> instance</p>
    <${ne} series=${s.rates.get(e.id)} width=${280} height=${48} />
    <${ie} facts=${[["State",n],["Address",e.address],...Ps(e),["Memory",Ms(e.residentBytes)]]} />
    <p class="links"><a href=${H("traces",[],{text:e.id})}>Its traces</a>
      <a href=${H("logs",[],{service:t})}>Logs of ${t}</a><a href=${H("break")}>Break it</a></p>
    <h3>Routes</h3><${zn} routes=${e.routes} />`}function Jn({edge:e,live:t}){return l`<section class="side-part"><p class="side-kind mono">${e.from} → ${e.to}</p>
    <${ne} series=${t.rates.get(`${e.from}→${e.to}`)} width=${280} height=${48}
      kind=${e.from==="kafka"||e.from==="producers"?"spark-events":""} />
    <${ie} facts=${[...e.from==="kafka"||e.from==="producers"?[["Events",W(e.perSecond)]]:Ps(e),["Lag",e.lag===void 0?void 0:`${x(e.lag)} events`],["Ejected",e.ejected?"yes: the caller avoids this instance for a while":void 0]]} /></section>`}var Xn={clients:["Clients","Callers of the edge: devstack’s load, and everyone else who calls movie."],producers:["Viewers","Viewers who rate: ratingingester or another producer writes their events to the topic."],registry:["Registry","Instances register here and watch each other. While it is gone, callers keep the last list they know."],broker:["Kafka","The topic of rating events. While it is stopped events wait with their producers; no response fails."],database:["Database","Instances of one service share it."]};function Yn(e,t,s){let n=t.groups.flatMap(d=>d.rows).find(d=>d.id===e);if(n)return[n.id,l`<${Gn} instance=${n.instance} service=${n.service} live=${s} />`];let r=t.labels.find(d=>d.key===e)?.arrows??t.edges.filter(d=>d.key===e);if(r.length)return[r.length===1?"Arrow":`${r.length} arrows`,r.map(d=>l`<${Jn} key=${d.key} edge=${d.edge} live=${s} />`)];let o=t.nodes.find(d=>d.id===e);if(!o)return null;let{system:a}=s,[i,c]=Xn[o.kind],p={registry:[["Address",a.registry?.address],["Responds",a.registry?.up===!1?"no":"yes"]],broker:[["Address",a.broker?.address],["Responds",{true:"yes",false:"no"}[a.broker?.up]]],database:[["Service",o.database?.service],["Kind",o.database?.kind]],clients:[["Responses",x(a.responses?.total)],["Failed",x(a.responses?.failed)]]}[o.kind]??[];return[i,l`<p class="note">${c}</p><${ie} facts=${p} />${o.kind==="broker"&&l`<p class="links">
      <a href=${H("ingestion")}>Ingestion</a></p>`}`]}function Fs({chosen:e,placed:t,live:s,onClose:n}){let r=e&&t&&Yn(e,t,s);return l`<aside class=${`side map-side ${r?"is-open":""}`} aria-label="Details">
    ${r?l`<header class="side-head"><h2 title=${r[0]}>${r[0]}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick=${n}><${C} name="close" /></button>
          </header>${r[1]}`:l`${e&&t&&l`<p class="note">${e} is not part of the system any more.</p>`}
          <${Kn} changes=${s.changes} /><${Vn} />`}
  </aside>`}var j=58,Nt=36,Ct=8,X=24,Qn=1250,Zn=320,er=1e3,qs=e=>e<=4?62:e<=8?44:30,tr=(e,t)=>e.id.localeCompare(t.id,"en",{numeric:!0});function js(e){let t=new Set(e.edges.filter(n=>n.from==="clients").map(n=>n.to));return(e.services.find(n=>n.instances.some(r=>t.has(r.id)))??e.services.find(n=>n.name==="movie")??e.services[0])?.name}function Ds(e){let t=new Set(e.edges.filter(s=>s.from==="kafka").map(s=>s.to));return e.services.find(s=>s.instances.some(n=>t.has(n.id)))?.name??"rating"}var Hs=e=>Nt+Math.max(1,e.instances.length)*qs(e.instances.length)+Ct;function Et(e,t,s,n,r){let o=qs(e.instances.length),a=[...e.instances].sort(tr).map((i,c)=>({id:i.id,kind:"instance",service:e.name,instance:i,x:t+Ct,y:s+Nt+c*o,width:n-2*Ct,height:o-(o<44?4:6),look:o===62?"tall":o===44?"medium":"low"}));return{name:e.name,x:t,y:s,width:n,height:Hs(e),rows:a,gutter:r}}function sr(e,t){let s=js(e),n=Ds(e),r=e.services.filter(O=>O.name===s),o=e.services.filter(O=>O.name!==s).sort((O,N)=>(O.name===n)-(N.name===n)),[a,i]=[116,128],c=Math.round(Math.max(186,Math.min(248,t*.19))),p=t-a-i-2*c,[d,f]=[Math.max(154,p*.3),Math.max(56,p*.22)],h=[0,a+d,t-i-f-c,t-i].map(Math.round),u=t>Qn?2*X:X,g=0,y=o.map(O=>{let N=Et(O,h[2],g,c,0);return g+=N.height+u,N}),m=r.reduce((O,N)=>O+Hs(N),0),k=j+2*u,v=Math.max(g-u,k+m),_=Math.max(k,Math.min(Zn,Math.round((v-m)/2)));for(let O of r)y.unshift(Et(O,h[1],_,c,0));let $=_+m/2-j/2,M=v+2*u,P=[{id:"clients",kind:"clients",x:h[0],y:$,width:a,height:j},{id:"registry",kind:"registry",x:h[1],y:0,width:c,height:j},{id:"producers",kind:"producers",x:h[0],y:M,width:a,height:j},{id:"kafka",kind:"broker",x:h[1],y:M,width:c,height:j},...e.databases.flatMap(O=>{let N=y.find($e=>$e.name===O.service);return N?[{id:`database/${O.service}`,kind:"database",database:O,x:h[3],y:N.y+N.height/2-j/2,width:i,height:j}]:[]})];return{groups:y,nodes:P,height:M+j,narrow:!1}}function nr(e,t){let n=(t-X)/2,r=[{id:"clients",kind:"clients",x:0,y:0,width:n,height:j},{id:"registry",kind:"registry",x:n+X,y:0,width:n,height:j}],o=js(e),a=Ds(e),i=d=>d.name===o?0:d.name===a?2:1,c=j+X,p=[...e.services].sort((d,f)=>i(d)-i(f)).map(d=>{let f=Et(d,34,c,t-34,34);return c+=f.height+X,f});return r.push({id:"producers",kind:"producers",x:0,y:c,width:n,height:j},{id:"kafka",kind:"broker",x:n+X,y:c,width:n,height:j}),c+=j+X,e.databases.forEach((d,f)=>r.push({id:`database/${d.service}`,kind:"database",database:d,x:f%2?n+X:0,y:c+Math.floor(f/2)*(j+X),width:n,height:j})),{groups:p,nodes:r,height:c+Math.ceil(e.databases.length/2)*(j+X),narrow:!0}}var Ot=e=>[e.x+e.width,e.y+e.height/2],Re=e=>[e.x,e.y+e.height/2];function Qe([e,t],[s,n]){let r=Math.max(24,Math.abs(s-e)*.5);return[e,t,e+r,t,s-r,n,s,n]}function rr(e,t,s){let[n,r]=Re(e),[o,a]=Re(t),i=Math.min(n,o)-2-s;return[n,r,i,r,i,a,o,a]}function Ze([e,t,s,n,r,o,a,i],c){let p=1-c,d=[p*p*p,3*p*p*c,3*p*c*c,c*c*c];return[d[0]*e+d[1]*s+d[2]*r+d[3]*a,d[0]*t+d[1]*n+d[2]*o+d[3]*i]}var Rt=([e,t,...s])=>`M${e} ${t}C${s.join(" ")}`,It={width:128,height:36};function or(e,t){let[s,n]=[0,1];for(let r=0;r<20;r+=1){let o=(s+n)/2;Ze(e,o)[0]<t?s=o:n=o}return s}function ar(e,t){let s=new Map([...t.nodes,...t.groups.flatMap(a=>a.rows)].map(a=>[a.id,a])),n=e.edges.filter(a=>s.has(a.from)&&s.has(a.to)).map(a=>({edge:a,key:Tt(a),from:s.get(a.from),to:s.get(a.to)})),r=Map.groupBy?Map.groupBy(n,a=>a.edge.to):ir(n,a=>a.edge.to);for(let a of n){let{from:i,to:c,edge:p}=a,d=p.from==="kafka"||p.from==="producers";a.kind=d?"events":"calls",t.narrow?p.from==="producers"?a.points=Qe(Ot(i),Re(c)):p.from==="clients"?a.points=[i.x+20,i.y+i.height,i.x+20,c.y+c.height/2,c.x-20,c.y+c.height/2,c.x,c.y+c.height/2]:d?a.points=[i.x+i.width-18,i.y,i.x+i.width-18,c.y+c.height/2,c.x+c.width+30,c.y+c.height/2,c.x+c.width,c.y+c.height/2]:a.points=rr(i,c,14):a.points=Qe(Ot(i),Re(c))}let o=[];for(let[a,i]of r)for(let c of["calls","events"]){let p=i.filter(g=>g.kind===c);if(!p.length)continue;let d=s.get(a),f=d.look===void 0||d.look==="tall",h=p.length<=2&&f&&!t.narrow,u=f&&c==="calls"?It.height:20;for(let[g,y]of(h?p:p.slice(0,1)).entries()){let[m,k]=[0,0],v=c==="calls"?It.width:t.narrow?58:74;if(t.narrow)if(c==="events"&&a!=="kafka")[m,k]=[d.x+d.width-It.width-20-v/2,d.y+d.height-15];else{if(a==="kafka")continue;[m,k]=[d.x+d.width-v/2-6,d.y+d.height/2]}else m=d.x-14-v/2-g*(v+10),c==="events"&&(m=a==="kafka"?(y.from.x+y.from.width+d.x)/2:y.from.x+y.from.width+24+v/2),k=c==="calls"&&!f?d.y+d.height/2:Ze(y.points,or(y.points,m))[1];o.push({key:h?y.key:`→${a}/${c}`,arrows:h?[y]:p,kind:c,x:m,y:k,width:v,height:u})}}return{edges:n,labels:o}}function ir(e,t){let s=new Map;for(let n of e)s.set(t(n),[...s.get(t(n))??[],n]);return s}function cr(e){let t=r=>e.nodes.find(o=>o.id===r),s=[],n=t("registry");for(let r of e.groups){let o=t(`database/${r.name}`);e.narrow||(r.x===n.x?s.push({key:`registry/${r.name}`,kind:"registry",points:[n.x+28,n.y+j,n.x+28,n.y+j+10,r.x+28,r.y-10,r.x+28,r.y]}):s.push({key:`registry/${r.name}`,kind:"registry",points:Qe(Ot(n),[r.x,r.y+Nt/2])}),o&&s.push({key:`database/${r.name}`,kind:"database",points:Qe([r.x+r.width,r.y+r.height/2],Re(o))}))}return s}function Bs(e,t){let s={...e,databases:e.databases??[],edges:e.edges??[]},n=t>=er?sr(s,t):nr(s,t);return{...n,...ar(s,n),wires:cr(n),width:t}}var lr=40,dr=33,pr={events:2.6,calls:1.5},ur=e=>T(e)&&e>0?Math.min(e,1.7*Math.log2(1+e)):0,et=class{constructor(t){this.canvas=t,this.context=t.getContext("2d"),this.arrows=new Map,this.last=0,this.still=matchMedia("(prefers-reduced-motion: reduce)"),this.draw=this.draw.bind(this),this.readColours(),this.readColours=this.readColours.bind(this),addEventListener("theme",this.readColours),this.frame=requestAnimationFrame(this.draw)}readColours(){let t=getComputedStyle(this.canvas);this.colours=Object.fromEntries(["calls","events","bad"].map(s=>[s,t.getPropertyValue(`--flow-${s}`).trim()]))}show(t,s,n){let r=Math.min(2,devicePixelRatio||1);(this.width!==s||this.height!==n||this.ratio!==r)&&(Object.assign(this,{width:s,height:n,ratio:r}),this.canvas.width=s*r,this.canvas.height=n*r);let o=this.arrows;this.arrows=new Map(t.map(({key:a,points:i,kind:c,edge:p})=>{let d=o.get(a);return[a,{points:i,kind:c,rate:p.perSecond,errors:p.errorRatio??0,dots:d?.dots??[],due:d?.due??Math.random(),bad:d?.bad??0}]})),this.readColours()}draw(t){if(this.frame=requestAnimationFrame(this.draw),t-this.last<dr)return;let s=Math.min(.25,(t-this.last)/1e3);this.last=t;let{context:n,ratio:r}=this;if(n.setTransform(r,0,0,r,0,0),n.clearRect(0,0,this.width,this.height),!this.still.matches)for(let o of this.arrows.values())this.move(o,s)}move(t,s){let{context:n}=this;for(t.due+=ur(t.rate)*s;t.due>=1;){t.due-=1,t.bad+=t.errors;let a=t.bad>=1;a&&(t.bad-=1),t.dots.length<lr&&t.dots.push({at:0,isBad:a})}let r=s/pr[t.kind];t.dots=t.dots.filter(a=>(a.at+=r)<1);let o=t.kind==="events"?3.4:2.2;for(let a of t.dots){let[i,c]=Ze(t.points,a.at);n.globalAlpha=Math.min(1,a.at*8,(1-a.at)*8),n.fillStyle=a.isBad?this.colours.bad:this.colours[t.kind],n.beginPath(),n.arc(i,c,o,0,7),n.fill()}n.globalAlpha=1}end(){cancelAnimationFrame(this.frame),removeEventListener("theme",this.readColours)}};var hr={ready:"good",draining:"warn",unready:"warn",unreachable:"bad",gone:"gone"},st=e=>({transform:`translate(${Math.round(e.x)}px, ${Math.round(e.y)}px)`,width:`${Math.round(e.width)}px`,height:`${Math.round(e.height)}px`}),tt=e=>T(e)&&e>.05?"bad":T(e)&&e>0?"warn":"good";function fr({box:e,selected:t,onSelect:s}){let{instance:n,service:r}=e,o=n.ejected?"ejected":n.state,a=n.ejected?"warn":hr[n.state]??"gone";return l`<button type="button"
    class=${`node instance ${e.look} is-${a} ${n.ejected?"is-ejected":""}`} style=${st(e)} aria-pressed=${t} onClick=${s}>
    <span class="node-line"><i class="state-dot" aria-hidden="true"></i>
      <span class="node-id mono" title=${n.id}>${Je(n.id,r)}</span>
      ${o!=="ready"&&l`<span class=${`chip small is-${a==="gone"?"plain":a}`}>${o}
        </span>`}${o==="ready"&&l`<span class="hidden">ready</span>`}</span>
    ${e.look==="tall"&&l`<span class="node-line node-figures">
      ${W(n.perSecond)}${T(n.errorRatio)&&l`<span class=${`errors is-${tt(n.errorRatio)}`}>${ye(n.errorRatio)} errors</span>`}</span>`}
  </button>`}function $r(e,t){let{registry:s,broker:n,edges:r=[]}=t,o=r.find(a=>a.from==="producers");return e.kind==="registry"?["Registry",s?.up===!1?"does not respond":s?.address?.replace("http://",""),s?.up===!1?"bad":"good"]:e.kind==="broker"?["Kafka",n?.up===!1?"does not respond":n?.address??"not known",n?.up===!1?"bad":n?"good":"gone"]:e.kind==="clients"?["Clients",W(t.responses?.perSecond),"good"]:e.kind==="producers"?["Viewers",W(o?.perSecond),"good"]:[{sqlite:"SQLite",postgresql:"PostgreSQL",memory:"Memory"}[e.database.kind]??e.database.kind,e.database.service,"good"]}function mr({node:e,system:t,selected:s,onSelect:n}){let[r,o,a]=$r(e,t);return l`<button type="button" class=${`node outer node-${e.kind} is-${a}`} style=${st(e)}
    aria-pressed=${s} onClick=${n}>
    <span class="node-icon"><${C} name=${e.kind} size=${18} /></span>
    <span class="node-text"><span class="node-title">${r}</span><span class="node-note">${o}</span></span>
  </button>`}function gr(e){if(e.length===1)return e[0].edge;let t=e.map(a=>a.edge),s=t.map(a=>a.perSecond).filter(T),n=s.length?s.reduce((a,i)=>a+i,0):void 0,r=a=>Math.max(...t.map(i=>i[a]).filter(T)),o=t.filter(a=>T(a.errorRatio)&&T(a.perSecond)).reduce((a,i)=>a+i.errorRatio*i.perSecond,0);return{perSecond:n,errorRatio:n?o/n:void 0,p50Ms:r("p50Ms"),p99Ms:r("p99Ms"),ejected:t.some(a=>a.ejected),lag:r("lag")}}function _r({label:e,selected:t,onSelect:s}){let n=gr(e.arrows),{from:r,to:o}=e.arrows[0].edge,a=e.arrows.length===1?`${r} to ${o}`:`${de(e.arrows.length,"arrow")} to ${o}`,i={x:e.x-e.width/2,y:e.y-e.height/2,width:e.width,height:e.height};return l`<button type="button"
    class=${`label label-${e.kind} is-${tt(n.errorRatio)} ${n.ejected?"is-ejected":""} ${e.height<30?"low":""}`}
    style=${st(i)} aria-pressed=${t} onClick=${s}>
    <span class="hidden">${a}: </span>
    <span class="label-main"><b>${W(n.perSecond)}</b>
      ${e.kind==="calls"&&e.height<30&&l`<span class="label-time">p99 ${bt(n.p99Ms)}</span>`}
      ${e.kind==="calls"&&(e.height>=30||n.errorRatio>0)&&l`<span class="errors">
        ${T(n.errorRatio)?ye(n.errorRatio):""}<span class="hidden"> errors</span></span>`}
      ${e.kind==="events"&&n.lag>0&&l`<span class="errors is-warn">lag ${x(n.lag)}</span>`}
        </span>
    ${e.kind==="calls"&&e.height>=30&&l`<span class="label-times"><span>p50 ${Ge(n.p50Ms)}
      </span><span>p99 ${bt(n.p99Ms)}</span></span>`}
  </button>`}function vr(e){return T(e.perSecond)&&e.perSecond>0?Math.min(4,1.2+Math.log10(1+e.perSecond)*.8).toFixed(2):1}function yr({placed:e,system:t,isSelected:s,onSelect:n}){let r=t.registry?.up!==!1;return l`<svg class="arrows" width=${e.width} height=${e.height} aria-hidden="true">
    <defs>${["plain","bad","warn","events"].map(o=>l`<marker key=${o} id=${`head-${o}`} class=${`head head-${o}`} viewBox="0 0 8 8" refX="7"
        refY="4" markerWidth="7" markerHeight="7"
      markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z" /></marker>`)}</defs>
    ${e.wires.map(o=>l`<path key=${o.key}
      class=${`wire wire-${o.kind} ${o.kind==="registry"&&!r?"is-cut":""}`} d=${Rt(o.points)} />`)}
    ${e.edges.map(o=>{let a=o.kind==="events"?"events":tt(o.edge.errorRatio)==="good"?"plain":tt(o.edge.errorRatio),i=Rt(o.points);return l`<g key=${o.key}
        class=${`arrow arrow-${a} ${o.edge.ejected?"is-ejected":""} ${o.edge.perSecond>0?"":"is-idle"} ${s(o.key)?"is-selected":""}`}>
        <path class="arrow-line" d=${i} stroke-width=${vr(o.edge)} marker-end=${`url(#head-${a})`} />
        <path class="arrow-hit" d=${i} onClick=${()=>n(o.key)} /></g>`})}
  </svg>`}function kr(e){let[t,s]=w(0);return fe(()=>{let n=new ResizeObserver(([r])=>s(Math.floor(r.contentRect.width)));return n.observe(e.current),()=>n.disconnect()},[]),t}function Us({parameters:e}){let t=K("system","link"),s=D(null),n=D(null),r=D(null),o=kr(s),{system:a}=t,i=ce(()=>a&&o>0?Bs(a,o):null,[a,o]);fe(()=>(r.current=new et(n.current),()=>r.current.end()),[]),fe(()=>{i&&r.current.show(t.link==="lost"?[]:i.edges,i.width,i.height)},[i,t.link]);let c=e.select,p=h=>G("map",[],h===c?{}:{select:h}),d=(a?.services??[]).reduce((h,u)=>h+u.instances.length,0);return l`<div class="map-page" onKeyDown=${h=>h.key==="Escape"&&c&&G("map",[],{})}>
    <section class="map" aria-label="System">
      <div class="map-area" ref=${s} style=${{height:`${i?.height??420}px`}}>
        ${i?.groups.map(h=>l`<div key=${h.name} class=${`group ${ee(h.name)}`} role="group" aria-label=${h.name}
            style=${st(h)}>
          <span class="group-head"><${U} name=${h.name} /><span class="note">
            ${h.rows.length?de(h.rows.length,"instance"):""}</span></span>
          ${h.rows.length===0&&l`<span class="group-none">no instance</span>`}</div>`)}
        ${i&&l`<${yr} placed=${i} system=${a} isSelected=${h=>h===c}
          onSelect=${p} />`}
        <canvas ref=${n} class="flow"
          style=${{width:`${i?.width??0}px`,height:`${i?.height??0}px`}} aria-hidden="true"></canvas>
        ${i?.nodes.map(h=>l`<${mr} key=${h.id} node=${h} system=${a}
          selected=${h.id===c} onSelect=${()=>p(h.id)} />`)}
        ${i?.groups.flatMap(h=>h.rows).map(h=>l`<${fr} key=${h.id} box=${h}
          selected=${h.id===c} onSelect=${()=>p(h.id)} />`)}
        ${i?.labels.map(h=>l`<${_r} key=${h.key} label=${h}
          selected=${h.key===c} onSelect=${()=>p(h.key)} />`)}
      </div>
      ${a&&d===0&&l`<${L} title="No instance is registered">
          <p>The registry at ${a.registry?.address??"its address"} lists none. Start the whole stack:</p>
          <pre>cargo run -p devstack</pre>
        <p>or one service beside it:</p><pre>cargo run -p rating</pre><//>`}
      ${!a&&l`<${L} title="Waiting for the first observation">
        <p>The console looks at the registry and at every instance once per second.</p><//>`}
    </section>
    <${Fs} chosen=${c} placed=${i} live=${t} onClose=${()=>G("map",[],{})} />
  </div>`}var Ws=6;function we(e){let{label:t,columns:s,rows:n,keyOf:r,rowHeight:o,cells:a,onOpen:i,selected:c,follow:p,onKey:d,rowProps:f,kind:h="grid",look:u,onScrolled:g}=e,y=D(null),[m,k]=w({top:0,height:600}),[v,_]=w(null),$=D(!1),M=Math.max(0,n.findIndex(b=>r(b)===(v??c))),P=Math.max(0,Math.floor(m.top/o)-Ws),O=Math.min(n.length,Math.ceil((m.top+m.height)/o)+Ws),N=()=>{let{scrollTop:b,clientHeight:I}=y.current;k(F=>F.top===b&&F.height===I?F:{top:b,height:I}),g?.(y.current)};fe(()=>{let b=new ResizeObserver(N);return b.observe(y.current),()=>b.disconnect()},[]),fe(()=>{p&&(y.current.scrollTop=y.current.scrollHeight),N()},[n,p]),S(()=>{$.current&&($.current=!1,y.current.querySelector('[role="row"][tabindex="0"]')?.focus({preventScroll:!0}))});let $e=b=>{let I=Math.max(0,Math.min(n.length-1,b)),F=y.current,J=I*o;J<F.scrollTop?F.scrollTop=J:J+o>F.scrollTop+F.clientHeight&&(F.scrollTop=J+o-F.clientHeight),$.current=!0,_(r(n[I])),N()},Y=(b,I,F)=>{if(b.target!==b.currentTarget||b.altKey||b.ctrlKey||b.metaKey)return;let J=Math.max(1,Math.floor(m.height/o)-1),Se={ArrowDown:F+1,ArrowUp:F-1,Home:0,End:n.length-1,PageDown:F+J,PageUp:F-J};d?.(b,I)?b.preventDefault():b.key in Se?(b.preventDefault(),$e(Se[b.key])):(b.key==="Enter"||b.key===" ")&&(b.preventDefault(),i?.(I))},Q=n.slice(P,O).map((b,I)=>[b,P+I]);return n.length&&(M<P||M>=O)&&Q.push([n[M],M]),l`<div class=${`grid ${u??""}`} role=${h} aria-label=${t} aria-rowcount=${n.length+1}
    aria-colcount=${s.length}>
    <div role="rowgroup" class="grid-head"><div role="row" class="grid-row" aria-rowindex="1">
      ${s.map(([b,I])=>l`<span key=${b} role="columnheader" class=${`cell cell-${b}`}>
        ${I}</span>`)}
    </div></div>
    <div role="rowgroup" class="grid-body" ref=${y} onScroll=${N}>
      <div role="presentation" class="grid-space" style=${{height:`${n.length*o}px`}}>
        ${Q.map(([b,I])=>{let F=r(b);return l`<div key=${F} role="row" aria-rowindex=${I+2} tabindex=${I===M?0:-1}
            aria-selected=${c===void 0?void 0:F===c} ...${f?.(b)??{}}
            class=${`grid-row ${f?.(b)?.class??""}`} style=${{transform:`translateY(${I*o}px)`,height:`${o}px`}}
            onClick=${()=>{_(F),i?.(b)}} onKeyDown=${J=>Y(J,b,I)}
            onFocus=${()=>_(F)}>
            ${a(b).map((J,Se)=>l`<span key=${s[Se][0]} role="gridcell"
              class=${`cell cell-${s[Se][0]}`}>${J}</span>`)}
          </div>`})}
      </div>
    </div>
  </div>`}function xe(e){let t=matchMedia(`(max-width: ${e}px)`),[s,n]=w(t.matches);return S(()=>{let r=()=>n(t.matches);return t.addEventListener("change",r),()=>t.removeEventListener("change",r)},[]),s}var Lt=500,br=2e3,wr=200,xr=[["time","Start"],["name","Request"],["services","Services"],["spans","Spans"],["status","Status"],["duration","Duration"]],Mr=[["newest","Newest"],["slowest","Slowest"],["failed","Failed"]];function Sr(e,t){let{traces:s}=K("traces"),[n,r]=w({body:null,error:null}),o=JSON.stringify(e),a=D({key:null,received:-1,at:0}),i=D(s);return i.current=s,S(()=>{let c=new AbortController,p=()=>{c.abort(),c=new AbortController,a.current={key:o,received:i.current?.received,at:Date.now()},ms({...e,limit:Lt},c.signal).then(h=>r({body:h,error:null}),h=>h.name!=="AbortError"&&r(u=>({...u,error:h.message})))},d=setTimeout(p,a.current.key===null?0:wr),f=setInterval(()=>{t&&i.current?.received!==a.current.received&&p()},br);return()=>{clearTimeout(d),clearInterval(f),c.abort()}},[o,t]),n}function Tr({body:e,isFiltered:t}){if(!e)return l`<p class="tally">Loading.</p>`;let s=be(e.dropped),n=e.traces.length>=Lt?`The first ${x(Lt)}`:x(e.traces.length);return l`<p class="tally"><b>${n}</b> ${t?"matching ":""}of <b>${x(e.stored)}
    </b> traces kept, at most ${x(e.limit)}.
    ${s.total>0?l` <b>${x(s.total)}
      </b> older ones were dropped to make room (${s.text}); each service has its own share.`:" None was dropped."}</p>`}var Ir=e=>t=>[l`<time class="mono">${le(t.startMs)}</time>`,l`<span class="trace-name"><${U} name=${t.service} /><span class="mono ellipsis" title=${t.name}>
    ${t.name||"waiting for its first span"}</span></span>`,l`<span class="dots" title=${t.services.join(", ")}>
    ${t.services.map(s=>l`<i key=${s} class=${`dot ${ee(s)}`} aria-hidden="true">
    </i>`)}<span class="hidden">${t.services.join(", ")}</span></span>`,x(t.spans),t.error?l`<span class="chip is-bad">${T(t.statusCode)?wt(t.statusCode):"error"}</span>`:l`<span class="chip is-plain">${wt(t.statusCode)}</span>`,l`<span class="duration"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
    <rect width=${Math.max(.8,t.durationMs/e*100)} height="6" rx="1"
      class=${`bar ${ee(t.service)} ${t.error?"is-bad":""}`} /></svg><span>${R(t.durationMs)}
      </span></span>`];function Cr({isFiltered:e,otlp:t,reset:s,order:n}){return n==="failed"?l`<${L} title="No failed trace">
      <p>Nothing has failed${e?" that matches the filters":""}. To see how callers survive a failure, <a href="#/break">break something</a>.</p><//>`:e?l`<${L} title="No trace matches" action=${l`<button type="button" class="button"
      onClick=${s}>Remove the filters</button>`}>
      <p>Only some requests are traced, and only the latest are kept. Widen the filters, or send a request in <a href="#/try">Try it</a>: it is always traced.</p><//>`:l`<${L} title="No traces yet">
    <p>Send a request in <a href="#/try">Try it</a>: it is always traced. Or point services at this console, and trace some of their requests:</p>
    <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://${t??"127.0.0.1:4317"} \\
OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.01 cargo run -p movie</pre><//>`}function Ks({parameters:e}){let{system:t}=K("system"),[s,n]=w(!0),[r,o]=w(!1),a=xe(760),{service:i,route:c,status:p,minDurationMs:d,text:f,order:h="newest"}=e,u={service:i,route:c,status:p,minDurationMs:d,text:f,order:h},g=$=>G("traces",[],{...u,...$}),y=!!(i||c||p||d||f),{body:m,error:k}=Sr(u,s&&!r),v=m?.traces??[],_=v.reduce(($,M)=>Math.max($,M.durationMs),.001);return l`<div class="fill">
    <form class="filters" aria-label="Filters" onSubmit=${$=>$.preventDefault()}>
      <${ts} label="Order" value=${h} options=${Mr} onChange=${$=>g({order:$})} />
      <${he} label="Service" value=${i??""} all="All services" options=${m?.services??[]}
        onChange=${$=>g({service:$})} />
      <${he} label="Route" value=${c??""} all="All routes" options=${m?.routes??[]}
        onChange=${$=>g({route:$})} />
      <${he} label="Status" value=${p??""} all="Any status" options=${["ok","error"]}
        onChange=${$=>g({status:$})} />
      <${me} label="At least (ms)" type="number" placeholder="0" value=${d??""} width="slim"
        onChange=${$=>g({minDurationMs:$})} />
      <${me} label="Text" placeholder="Id, name or attribute" value=${f??""} width="grow"
        onChange=${$=>g({text:$})} />
      <button type="button" class="button" aria-pressed=${!s} onClick=${()=>n(!s)}>
        <${C} name=${s?"pause":"play"} />${s?"Pause":"Go on"}</button>
    </form>
    <${Tr} body=${m} isFiltered=${y||h==="failed"} />
    ${k&&l`<${z}>${k}<//>`}
    ${m&&v.length===0?l`<${Cr} isFiltered=${y} order=${h} otlp=${t?.telemetry?.otlp}
          reset=${()=>G("traces",[],{order:h})} />`:l`<${we} label="Traces" look="grid-traces" columns=${xr} rows=${v}
          keyOf=${$=>$.traceId} rowHeight=${a?62:38} cells=${Ir(_)}
      onOpen=${$=>Ye("traces",[$.traceId])} onScrolled=${$=>o($.scrollTop>8)}
      rowProps=${$=>({class:$.error?"row-error":""})} />`}
    ${s&&r&&l`<p class="tally">The list waits while you are not at its top.</p>`}
  </div>`}var Er=(e,t)=>e.startMs-t.startMs,re=e=>`${e.linked?e.traceId??"linked":""}/${e.spanId}`;function Or(e,t){return t.find(n=>n.links?.some(r=>r.spanId===e.spanId&&(!e.traceId||r.traceId===e.traceId)))??t.find(n=>e.links?.some(r=>r.spanId===n.spanId))}function nt(e){let t=new Map(e.map(c=>[re(c),{key:re(c),span:c,children:[],level:1,via:"parent"}])),s=e.filter(c=>!c.linked),n=new Map;for(let c of t.values()){let{span:p}=c,d=p.parentId&&t.get(re({...p,spanId:p.parentId}));if(d&&d!==c)n.set(c,d);else if(p.linked){let f=Or(p,s);c.via="link",f&&n.set(c,t.get(re(f)))}}let r=c=>{let p=new Set;for(let d=c;d;d=n.get(d)){if(p.has(d))return!1;p.add(d)}return!0},o=[];for(let c of t.values()){let p=n.get(c);p&&r(c)?p.children.push(c):(n.delete(c),o.push(c))}let a=c=>c.sort((p,d)=>(p.span.linked===!0)-(d.span.linked===!0)||Er(p.span,d.span)),i=a(o).map(c=>[c,1]);for(;i.length;){let[c,p]=i.pop();c.level=p,a(c.children).forEach(d=>i.push([d,p+1]))}return o}function rt(e,t){let s=[],n=[...e].reverse();for(;n.length;){let r=n.pop();if(s.push(r),!t.has(r.key))for(let o=r.children.length-1;o>=0;o-=1)n.push(r.children[o])}return s}function Vs(e){let t=e.spans.filter(c=>!c.linked),s=c=>c.reduce(([p,d],f)=>[Math.min(p,f.startMs),Math.max(d,f.startMs+f.durationMs)],[1/0,-1/0]),[n,r]=t.length?s(t):s(e.spans);if(!Number.isFinite(n))return{from:e.startMs,length:1};let o=Math.max(.001,r-n),[a,i]=s(e.spans);return[n,r]=[Math.max(a,n-o),Math.min(i,r+o)],{from:n,length:Math.max(.001,r-n)}}var Le=e=>e.name.replace(/^(?:[a-z][\w]*\.)+(?=[A-Z]\w*\/)/,"");function zs(e){let{attributes:t={}}=e,s=[],n=t["marquee.attempt"];if(n!==void 0){let a=t["marquee.attempt.outcome"];s.push({text:`try ${n}${t["marquee.attempt.reason"]&&t["marquee.attempt.reason"]!=="first"?` · ${t["marquee.attempt.reason"]}`:""}`,kind:t["marquee.attempt.reason"]==="first"||!t["marquee.attempt.reason"]?"plain":"warn"}),a&&s.push({text:a,kind:a==="ok"?"good":a==="cancelled"?"plain":"bad"}),t["marquee.instance.id"]&&s.push({text:`→ ${t["marquee.instance.id"]}`,kind:"text"})}t["marquee.batch.size"]!==void 0&&s.push({text:`batch of ${t["marquee.batch.size"]}`,kind:"plain"}),t["db.system.name"]&&s.push({text:[t["db.system.name"],t["db.operation.name"],t["db.collection.name"]].filter(a=>a&&!e.name.includes(a)).join(" "),kind:"plain"}),t["messaging.kafka.offset"]!==void 0&&s.push({text:`partition ${t["messaging.destination.partition.id"]??"?"} · offset ${t["messaging.kafka.offset"]}`,kind:"plain"});let r=t["marquee.cache"]??t["cache.hit"];r!==void 0&&s.push({text:r===!0||r==="true"?"cache hit":r===!1||r==="false"?"cache miss":`cache ${r}`,kind:"plain"});let o=t["http.response.status_code"]??(Number(t["rpc.grpc.status_code"])>0?`gRPC ${t["rpc.grpc.status_code"]}`:void 0);return e.kind==="server"&&o!==void 0&&s.push({text:String(o),kind:e.error?"bad":"plain"}),s}var Gs=[0,.25,.5,.75,1];function Nr({length:e}){return l`<span class="axis">${Gs.map(t=>l`<span key=${t} class=${`tick tick-${t*100}`}>
    ${R(e*t)}</span>`)}</span>`}function Rr({span:e,time:t,marks:s}){let n=c=>Math.max(0,Math.min(1e3,(c-t.from)/t.length*1e3)),[r,o]=[n(e.startMs),n(e.startMs+e.durationMs)],a=r>700,i={left:`${a?0:Math.min(100,o/10)}%`,width:a?`${r/10}%`:"auto"};return l`<span class="timeline"><svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      ${Gs.slice(1,-1).map(c=>l`<line key=${c}
        class="tick-line" x1=${c*1e3} x2=${c*1e3} y1="-8" y2="28" />`)}
      <rect class=${`bar ${ee(e.service)} ${e.error?"is-bad":""} ${e.linked?"is-linked":""}`}
        x=${Math.min(r,997)} y="4" width=${Math.max(3,o-r)} height="12" />
      ${s.map((c,p)=>l`<rect key=${p} class=${`mark mark-${c.kind}`}
        x=${Math.min(996,n(c.timeMs))} y="1" width="4" height="18" />`)}
    </svg><span class=${`bar-text ${a?"is-before":""}`} style=${i}>${R(e.durationMs)}</span>
      </span>`}var Lr=(e,t)=>[...(e.events??[]).slice(0,20).map(s=>({timeMs:s.timeMs,kind:s.name==="exception"?"bad":"event"})),...t.slice(0,20).map(s=>({timeMs:s.timeMs,kind:s.level==="error"?"bad":s.level==="warn"?"warn":"event"}))];function Ar({node:e,folded:t,onFold:s}){let{span:n,children:r,via:o}=e,a={paddingInlineStart:`${(e.level-1)*14}px`};return l`<span class="span-name" style=${a}>
    ${r.length?l`<span class=${`fold ${t?"":"is-open"}`} onClick=${i=>{i.stopPropagation(),s()}}><${C} name="chevron" size=${14} /></span>`:l`<span class="fold"></span>`}
    <i class=${`dot ${ee(n.service)}`} aria-hidden="true"></i>
    <span class="span-title" title=${n.name}><span class="hidden">${n.service} </span>
      ${o==="link"&&l`<span class="chip small is-link">
      <${C} name="link" size=${12} />link</span> `}${Le(n)}</span>
    ${n.error&&l`<span class="error-mark"
      title=${n.message??"failed"}>!<span class="hidden"> failed</span></span>`}
    <span class="span-notes">
      ${zs(n).map(i=>i.kind==="text"?l`<span key=${i.text} class="note mono">${i.text}
      </span>`:l`<span key=${i.text} class=${`chip small is-${i.kind}`}>${i.text}</span>`)}</span>
  </span>`}function ot({trace:e,selected:t,onSelect:s,onEscape:n,label:r="Spans",lines:o}){let[a,i]=w(()=>new Set),c=xe(760),p=ce(()=>nt(e.spans),[e]),d=ce(()=>rt(p,a),[p,a]),f=ce(()=>Vs(e),[e]),h=ce(()=>{let m=new Map;for(let k of e.logs??[])m.set(k.spanId,[...m.get(k.spanId)??[],k]);return m},[e]),u=(m,k)=>i(v=>{let _=new Set(v);return k?_.add(m.key):_.delete(m.key),_}),g=(m,k)=>{if(m.key==="ArrowLeft"&&k.children.length&&!a.has(k.key))u(k,!0);else if(m.key==="ArrowRight"&&k.children.length&&a.has(k.key))u(k,!1);else if(m.key==="Escape"&&n)n();else return!1;return!0},y=c||o===2?52:32;return l`<${we} label=${r} kind="treegrid" look=${`grid-waterfall ${y===52?"two-lines":""}`}
    columns=${[["span","Span"],["timeline",l`<${Nr} length=${f.length} />`]]}
    rows=${d} keyOf=${m=>m.key} rowHeight=${y} selected=${t??null} onOpen=${s} onKey=${g}
    rowProps=${m=>({"aria-level":m.level,"aria-expanded":m.children.length?!a.has(m.key):void 0,class:`${m.span.linked?"row-linked":""} ${m.span.error?"row-error":""}`})}
    cells=${m=>[l`<${Ar} node=${m} folded=${a.has(m.key)}
      onFold=${()=>u(m,!a.has(m.key))} />`,l`<${Rr} span=${m.span} time=${f}
      marks=${Lr(m.span,h.get(m.span.spanId)??[])} />`]} />`}var at=[700,1500,3e3,5e3];function At(e,t=!1){let[s,n]=w({trace:null,error:null});return S(()=>{if(n({trace:null,error:null}),!e)return;let r=new AbortController,o,a=-1,i=c=>gs(e,r.signal).then(p=>{p.spans.length+(p.logs?.length??0)!==a&&n({trace:p,error:null}),a=p.spans.length+(p.logs?.length??0),c<at.length&&(t||!p.complete)&&(o=setTimeout(i,at[c],c+1))},p=>{p.name!=="AbortError"&&(t&&p.status===404&&c<at.length?o=setTimeout(i,at[c],c+1):n(d=>d.trace?d:{trace:null,error:p}))});return i(0),()=>{clearTimeout(o),r.abort()}},[e]),s}function Pr({text:e}){let[t,s]=w(!1);return S(()=>{if(!t)return;let n=setTimeout(()=>s(!1),1500);return()=>clearTimeout(n)},[t]),l`<button type="button" class="quiet" aria-label=${t?"Copied":"Copy the trace id"}
    title="Copy the trace id"
    onClick=${()=>navigator.clipboard?.writeText(e).then(()=>s(!0),()=>{})}><${C} name=${t?"check":"copy"} /></button>`}function Xs({logs:e,onSelect:t}){return l`<ol class="lines">${e.map(s=>l`<li key=${s.id} class=${`line row-${s.level}`}>
    <span class="line-head"><time class="mono">${le(s.timeMs)}</time><span class=${`level level-${s.level}`}>
      ${s.level}</span><${U} name=${s.service} />
    ${t&&s.spanId&&l`<button type="button" class="text-button"
      onClick=${()=>t(s.spanId)}>show span</button>`}</span>
    <span class="line-text">${s.message}</span></li>`)}</ol>`}var Js=e=>typeof e=="object"&&e!==null?JSON.stringify(e):String(e);function Pt({span:e,trace:t,onClose:s,onSelect:n}){let r=(t.logs??[]).filter(a=>a.spanId===e.spanId),o=Object.entries(e.attributes??{});return l`<aside class="side span-side" aria-label="Span">
    <header class="side-head"><h2 title=${e.name}>${Le(e)}</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${s}><${C} name="close" /></button>
      </header>
    ${e.error&&l`<p class="banner banner-error">${e.message||"This span failed."}</p>`}
    ${e.linked&&l`<p class="note">A span of another trace that is linked with this one${e.traceId?l`: <a class="mono" href=${H("traces",[e.traceId],{span:e.spanId})}>open ${e.traceId.slice(0,8)}</a>`:""}.</p>`}
    <${ie} facts=${[["Service",l`<${U} name=${e.service} />`],["Instance",e.instance],["Kind",e.kind],["Starts at",`+${R(e.startMs-t.startMs)}`],["Duration",R(e.durationMs)],["Span id",l`<span class="mono">${e.spanId}</span>`]]} />
    ${o.length>0&&l`<h3>Attributes</h3><dl class="facts attributes">
      ${o.map(([a,i])=>l`<div key=${a}><dt>${a}</dt><dd>${Js(i)}</dd></div>`)}</dl>`}
    ${e.events?.length>0&&l`<h3>Events</h3><ul class="events">${e.events.map((a,i)=>l`<li key=${i}><span class="mono note">+${R(a.timeMs-t.startMs)}</span> <b>
          ${a.name}</b>
      ${Object.entries(a.attributes??{}).map(([c,p])=>l`<span class="log-attribute"
        key=${c}> ${c}=${Js(p)}</span>`)}</li>`)}</ul>`}
    ${e.links?.length>0&&l`<h3>Links</h3><ul class="events">${e.links.map(a=>{let i=t.spans.find(c=>c.spanId===a.spanId);return l`<li key=${a.spanId}>
          ${i?l`<button type="button" class="text-button" onClick=${()=>n(a.spanId)}>${i.name}
          </button>`:l`<a class="mono"
            href=${H("traces",[a.traceId],{span:a.spanId})}>trace ${a.traceId.slice(0,8)}</a>`}</li>`})}</ul>`}
    ${r.length>0&&l`<h3>Log lines</h3><${Xs} logs=${r} />`}
  </aside>`}function Fr({id:e,error:t}){let s=t.status===404,n=t.body?.dropped?"It was dropped to make room for newer ones: the console keeps a bounded number in memory.":"It was never sampled, never arrived, or belongs to an earlier start of the console.";return l`<${L} title=${s?"This trace is not stored":"This trace can’t be shown"}
    action=${l`<a class="button primary" href="#/traces">All traces</a>`}>
    <p class="mono id">${e}</p><p>${s?n:t.message}</p><//>`}function Ys({id:e,span:t}){let{trace:s,error:n}=At(e),r=()=>{location.hash="#/traces"};if(n)return l`<${Fr} id=${e} error=${n} />`;if(!s)return l`<${L} title="Loading the trace"><p class="mono id">${e}</p><//>`;let o=t?s.spans.find(f=>f.spanId===t):void 0,a=f=>G("traces",[e],f&&f!==t?{span:f}:{}),i=s.spans.filter(f=>!f.linked),c=rt(nt(i),new Set)[0]?.span,p=[...new Set(s.spans.map(f=>f.service))],d=i.filter(f=>f.error).length;return l`<div class="fill trace">
    <header class="trace-head">
      <a class="button small" href="#/traces" aria-label="Back to all traces"><${C} name="back" />Traces</a>
      <div class="trace-title"><h2>${c?Le(c):"Trace"}</h2><p class="note"><span class="mono id">
        ${s.traceId}</span><${Pr} text=${s.traceId} /></p></div>
      <dl class="trace-facts"><div><dt>Duration</dt><dd>${R(s.durationMs)}</dd></div><div><dt>Spans</dt>
        <dd>${i.length}</dd></div>
        <div><dt>Services</dt><dd>${p.map(f=>l`<${U} key=${f} name=${f} />`)}
          </dd></div><div><dt>Started</dt><dd>${le(s.startMs)}</dd></div></dl>
    </header>
    ${(!s.complete||d>0)&&l`<p class="tally">${d>0&&l`<span class="chip is-bad">
      ${de(d,"failed span")}
      </span> `}${!s.complete&&"Incomplete: some of its spans have not arrived, or were dropped."}</p>`}
    <div class=${`split ${o?"has-side":""}`}>
      <div class="trace-main">
        <${ot} trace=${s} selected=${o?re(o):null}
          onSelect=${f=>a(f.span.spanId)} onEscape=${()=>o?a(null):r()} />
        ${s.logs?.length>0&&l`<section class="trace-logs" aria-label="Log lines of the trace" tabindex="0">
          <h3>${de(s.logs.length,"log line")}</h3><${Xs} logs=${s.logs} onSelect=${a} />
          </section>`}
      </div>
      ${o&&l`<${Pt} span=${o} trace=${s} onClose=${()=>a(null)}
        onSelect=${a} />`}
    </div>
  </div>`}var Qs=100,jr={reading:"good",paused:"warn",stalled:"bad",lost:"bad",unreadable:"bad"};function Dr({partition:e}){let{storedOffset:t,endOffset:s,lag:n}=e,r=s>0&&n!==void 0&&n!==null?Math.max(0,Math.min(1,1-n/s)):void 0;return l`<span class="lag"><span class=${n>0?"num is-warn":"num"}>${x(n)}</span>
    ${r!==void 0&&l`<svg class="lag-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect class="lag-all" width="100" height="4" />
        <rect class="lag-done" width=${Math.max(1,r*100)} height="4" /></svg>`}
    <span class="hidden">${t===void 0?"":` of ${x(s)}`}</span></span>`}function Hr({instance:e}){return e.partitions?.length?l`<div class="scroll" tabindex="0" role="region" aria-label=${`Partitions of ${e.id}`}>
    <table class="table">
    <thead><tr><th scope="col">Topic</th><th scope="col" class="num">Partition</th><th scope="col">State</th>
      <th scope="col" class="num">Stored</th>
      <th scope="col" class="num">End</th><th scope="col" class="num">Lag</th>
        <th scope="col" class="num">Lag in time</th></tr></thead>
    <tbody>${e.partitions.map(t=>l`<tr key=${`${t.topic}/${t.partition}`}>
      <td>${t.topic}</td><td class="num">${t.partition}</td>
      <td><span class=${`chip is-${jr[t.state]??"plain"}`} title=${t.reason??void 0}>${t.state}
        </span>${t.reason&&l`<span class="note"> ${t.reason}</span>`}</td>
      <td class="num">${x(t.storedOffset)}</td><td class="num">${x(t.endOffset)}</td>
      <td class="num"><${Dr} partition=${t} /></td><td class="num">
        ${t.lag===0?"0 s":ve(t.lagSeconds??NaN)}</td></tr>`)}</tbody>
  </table></div>`:l`<p class="note">This instance has no partition: another one reads them.</p>`}function Br({instance:e,series:t}){let s=Object.entries(e.events??{});return l`<section class="card" aria-label=${e.id}>
    <header class="card-head"><h2 class="mono">${e.id}</h2></header>
    ${e.error&&l`<${z}>No report: ${e.error}<//>`}
    ${e.blocked&&l`<${z} kind="warn">Blocked: ${e.blocked}<//>`}
    <dl class="stats">
      <div><dt>Events</dt><dd><strong>${W(e.eventsPerSecond)}</strong>
        <${ne} series=${t} width=${120} height=${32} kind="spark-events" /></dd></div>
      <div><dt>Mean batch</dt><dd><strong>${se(e.meanBatchEvents)}</strong> events</dd></div>
      <div><dt>Mean commit</dt><dd><strong>${R(e.meanBatchMs)}</strong></dd></div>
      <div><dt>Batches</dt><dd><strong>${x(e.batches)}</strong></dd></div>
    </dl>
    ${s.length>0&&l`<ul class="chips" aria-label="Events by outcome">${s.map(([n,r])=>l`<li key=${n}
      class=${`chip ${n==="rejected"&&r>0?"is-bad":"is-plain"}`}>${n} <b>${x(r)}</b>
        </li>`)}</ul>`}
    <${Hr} instance=${e} />
  </section>`}function Ur({letter:e}){let[t,s]=w(!1);return l`<li class="letter">
    <button type="button" class="letter-head" aria-expanded=${t} onClick=${()=>s(!t)}>
      <span class="letter-time mono">${ke(e.timeMs)}</span>
      <span class="letter-reason">${e.reason}</span>
      <span class="letter-place mono">partition ${e.partition} · offset ${x(e.offset)}</span>
    </button>
    ${t&&l`<div class="letter-body">${e.key&&l`<p class="note">Key <code>${e.key}</code></p>`}
      <pre tabindex="0">${Xe(e.event)}</pre></div>`}
  </li>`}function Wr({letters:{topic:e,available:t,letters:s=[]}={}}){let n=s.slice(0,Qs);return l`<section class="card" aria-label="Dead letters">
    <header class="card-head"><h2>Dead letters</h2><span class="note mono">${e}</span><span class="card-side">
      ${t?x(s.length):"–"}</span></header>
    ${t===!1&&l`<p class="note">The topic of dead letters can't be read: the broker does not respond, or this console has none.</p>`}
    ${t&&n.length===0&&l`<p class="note good-note">None: every event was applied.</p>`}
    <ul class="letters">${n.map(r=>l`<${Ur}
      key=${`${r.partition}/${r.offset}/${r.timeMs}`} letter=${r} />`)}</ul>
    ${s.length>n.length&&l`<p class="note">The newest ${Qs} of ${x(s.length)} are shown.</p>`}
  </section>`}function Zs(){let e=K("ingestion");if(!e.ingestion)return l`<${L} title="No report yet"><p>The console asks the instances of rating once per second.</p><//>`;let{instances:t,deadLetters:s}=e.ingestion,[n,r]=[t.filter(a=>a.partitions?.length||a.error||a.blocked),t.filter(a=>!a.partitions?.length&&!a.error&&!a.blocked)],o=n.flatMap(a=>a.partitions).reduce((a,i)=>a+(i.lag??0),0);return l`<div class="page">
    <p class="lead">Viewers' ratings arrive as events on a Kafka topic. rating applies them in batches, one transaction each, and stores the offsets in the same
      transaction. ${n.length>0&&(o===0?"It is up to date.":`It is ${x(o)} events behind.`)}</p>
    ${t.length===0&&l`<${L} title="Nothing is ingesting">
        <p>No instance of rating is registered. Start the stack with simulated viewers:</p>
      <pre>cargo run -p devstack</pre><//>`}
    ${n.map(a=>l`<${Br} key=${a.id} instance=${a}
      series=${e.ingested.get(a.id)} />`)}
    ${r.length>0&&l`<section class="card" aria-label="Instances without partitions"><header class="card-head"><h2>
        ${n.length?"Standby":"Without partitions"}</h2></header>
      <p class="note">These instances read no partition; they take over if their owner leaves.</p>
      <ul class="chips">${r.map(a=>l`<li key=${a.id} class="chip is-plain mono">${a.id}</li>`)}</ul>
        </section>`}
    <${Wr} letters=${s} />
  </div>`}var Kr=2e3,Ft=["error","warn","info","debug"],Vr=[["time","Time"],["level","Level"],["service","Service"],["message","Message"],["trace","Trace"]];function zr({service:e,level:t,traceId:s,text:n},r){return(!e||r.service===e)&&(!t||Ft.indexOf(r.level)<=Ft.indexOf(t))&&(!s||r.traceId===s)&&(!n||`${r.message} ${r.target} ${JSON.stringify(r.attributes??{})}`.toLowerCase().includes(n.toLowerCase()))}function Gr(e,t){let[s,n]=w({logs:[],missed:0,stored:void 0,error:null}),r=D(t);r.current=t;let o=JSON.stringify(e);return S(()=>{if(t)return;let a=new AbortController,c=setTimeout(()=>_s({...e,limit:500},a.signal).then(p=>{n({logs:p.logs,missed:0,stored:p.stored,limit:p.limit,dropped:p.dropped,error:null})},p=>p.name!=="AbortError"&&n(d=>({...d,error:p.message}))),150);return()=>{clearTimeout(c),a.abort()}},[o,t]),S(()=>St("logs",({logs:a,skipped:i=0})=>n(c=>{let p=a.filter(h=>zr(e,h));if(r.current)return{...c,missed:Math.min(1e6,c.missed+p.length+i)};let d=new Set(c.logs.slice(-500).map(h=>h.id)),f=p.filter(h=>!d.has(h.id));return f.length?{...c,logs:[...c.logs,...f].slice(-Kr)}:c})),[o]),s}function Jr({log:e,onClose:t}){return l`<aside class="side" aria-label="Log record">
    <header class="side-head"><h2>Log record</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${t}><${C} name="close" /></button>
      </header>
    <p class=${`log-text level-${e.level}`}>${e.message}</p>
    <${ie} facts=${[["Time",le(e.timeMs)],["Level",e.level],["Service",l`<${U} name=${e.service} />`],["Target",e.target],["Trace",e.traceId&&l`<a class="mono" href=${H("traces",[e.traceId],{span:e.spanId})}>${e.traceId}</a>`],...Object.entries(e.attributes??{}).map(([s,n])=>[s,String(n)])]} />
  </aside>`}var Xr=e=>[l`<time class="mono">${le(e.timeMs)}</time>`,l`<span class=${`level level-${e.level}`}>${e.level}</span>`,l`<${U} name=${e.service} />`,l`<span class="log-message" title=${e.message}>${e.message}${Object.entries(e.attributes??{}).slice(0,4).map(([t,s])=>l` <span class="log-attribute" key=${t}>${t}=${String(s)}</span>`)}</span>`,e.traceId?l`<a class="mono" tabindex="-1" href=${H("traces",[e.traceId],{span:e.spanId})}
      onClick=${t=>t.stopPropagation()}>${e.traceId.slice(0,8)}</a>`:""];function en({parameters:e}){let{system:t}=K("system"),[s,n]=w(!1),[r,o]=w(null),a=xe(760),i={service:e.service,level:e.level,traceId:e.traceId,text:e.text},c=$=>G("logs",[],{...i,...$}),{logs:p,missed:d,stored:f,limit:h,dropped:u,error:g}=Gr(i,s),y=be(u),m=[...new Set([...(t?.services??[]).map($=>$.name),"ratingingester"])],k=Object.values(i).some(Boolean),v=$=>{o($),n(!0)},_=($,M)=>{if($.key===" ")n(!s);else if($.key==="Escape")o(null);else if($.key==="t"&&M.traceId)location.hash=H("traces",[M.traceId],{span:M.spanId});else return!1;return!0};return l`<div class="fill">
    <form class="filters" aria-label="Filters" onSubmit=${$=>$.preventDefault()}>
      <${he} label="Service" value=${i.service??""} all="All services" options=${m}
        onChange=${$=>c({service:$})} />
      <${he} label="Level" value=${i.level??""} all="All levels" options=${Ft}
        onChange=${$=>c({level:$})} />
      <${me} label="Text" placeholder="In message or attributes" value=${i.text??""} width="grow"
        onChange=${$=>c({text:$})} />
      <${me} label="Trace" type="text" placeholder="Trace id" value=${i.traceId??""}
        onChange=${$=>c({traceId:$.trim()})} />
      <button type="button" class="button" aria-pressed=${s} onClick=${()=>n(!s)}>
        <${C} name=${s?"play":"pause"} />
          ${s?`Go on${d?` (${x(d)} new)`:""}`:"Pause"}</button>
    </form>
    <p class="tally">${de(p.length,"record")} shown${Yr(f)?`; the console keeps ${x(f)} of at most ${x(h)}`:""}${y.total?`, and has dropped ${x(y.total)} older ones (${y.text})`:""}.${s?" Paused.":""}</p>
    ${g&&l`<${z}>${g}<//>`}
    <div class=${`split ${r?"has-side":""}`}>
      ${p.length===0&&!g?l`<${L} title=${k?"No record matches":"No log records yet"}>
        ${k?l`<p>Change the filters, or wait: new records appear here.</p>`:l`<p>Services send their log records by OTLP. Point one at this console:</p>
          <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://${t?.telemetry?.otlp??"127.0.0.1:4317"} cargo run -p movie</pre>`}<//>`:l`<${we} label="Log records" look="grid-logs" columns=${Vr} rows=${p}
            keyOf=${$=>$.id} rowHeight=${a?58:28} cells=${Xr}
        follow=${!s} onOpen=${v} onKey=${_} selected=${r?.id??null} rowProps=${$=>({class:`row-${$.level}`})} />`}
      ${r&&l`<${Jr} log=${r} onClose=${()=>o(null)} />`}
    </div>
  </div>`}var Yr=e=>typeof e=="number";var Qr=["get","put","post","delete","patch","head"];function Z(e,t){let s=t;for(let n=0;s?.$ref&&n<16;n+=1){let r=s.$ref.replace(/^#\//,"").split("/").reduce((i,c)=>i?.[c.replace(/~1/g,"/").replace(/~0/g,"~")],e),{$ref:o,...a}=s;s={...r,...a}}return s}function tn(e,t){return Object.entries(t.paths??{}).flatMap(([n,r])=>Qr.filter(o=>r[o]).map(o=>{let a=r[o],i=[...r.parameters??[],...a.parameters??[]].map(p=>Z(t,p)).filter(p=>p&&["path","query","header"].includes(p.in)),c=Z(t,a.requestBody)?.content?.["application/json"];return{id:`${e} ${o} ${n}`,service:e,method:o.toUpperCase(),path:n,summary:a.summary,parameters:i,body:c,isOperation:(a.tags??[]).includes("operation")}})).sort((n,r)=>n.isOperation-r.isOperation||r.path.startsWith("/v1")-n.path.startsWith("/v1"))}var Zr={"date-time":()=>new Date().toISOString(),date:()=>new Date().toISOString().slice(0,10),uuid:()=>"00000000-0000-4000-8000-000000000001"};function Me(e,t,s="",n=0){let r=Z(e,t)??{};if(r.example!==void 0)return r.example;if(r.examples?.length)return r.examples[0];if(r.const!==void 0)return r.const;if(r.default!==void 0&&r.default!==null)return r.default;if(r.enum?.length)return r.enum[0];let o=r.oneOf??r.anyOf;if(o)return Me(e,o.find(d=>d.type!=="null")??o[0],s,n);if(r.allOf)return Object.assign({},...r.allOf.map(d=>Me(e,d,s,n)).filter(d=>typeof d=="object"));let a=Array.isArray(r.type)?r.type.find(d=>d!=="null"):r.type??(r.properties?"object":"string");if(a==="object"){if(n>5)return{};let d=new Set(r.required??[]),f=Object.entries(r.properties??{}).filter(([h,u])=>n<2||d.has(h)||!Z(e,u)?.properties);return Object.fromEntries(f.filter(([,h])=>!Z(e,h)?.readOnly).map(([h,u])=>[h,Me(e,u,h,n+1)]))}if(a==="array")return n>5?[]:[Me(e,r.items??{},s.replace(/s$/,""),n+1)];if(a==="integer"||a==="number"){let[d,f]=[r.minimum??r.exclusiveMinimum??0,r.maximum??r.exclusiveMaximum];return f===void 0?Math.max(d,1):Math.round(d+(Math.min(f,d+1e3)-d)*.8)}if(a==="boolean")return!0;let c=/such as `([^`]+)`/.exec(r.description??"")?.[1]??Zr[r.format]?.()??(s?`example ${s.replace(/([A-Z])/g," $1").toLowerCase()}`:"example"),p=r.pattern&&!eo(r.pattern,c)?"example":c;return r.maxLength?p.slice(0,r.maxLength):p}function eo(e,t){try{return new RegExp(e,"u").test(t)}catch{return!0}}function sn(e,t){let{schema:s,example:n}=t.body,r=n??Me(e,s),o=new Set(Z(e,s)?.required??[]),a=i=>!o.has(i)&&t.parameters.some(c=>c.in==="path"&&c.name===i);return typeof r!="object"||r===null||Array.isArray(r)?r:Object.fromEntries(Object.entries(r).filter(([i])=>!a(i)))}function nn(e,t){let s=Z(e,t.schema)??{},{minimum:n,maximum:r}=s;return s.enum?s.enum.join(", "):n!==void 0&&r!==void 0?`${n} to ${r}`:n!==void 0?`from ${n}`:s.type==="array"?"separated by commas":""}function rn(e,t,s){let n=Z(e,t.schema)??{},r=t.example??Object.values(t.examples??{})[0]?.value??n.example??n.examples?.[0]??n.default;return r!=null?String(r):t.required?/^(id|ids|recordId|movieId)$/.test(t.name)?s[0]??"":/user/i.test(t.name)?"me":String(Me(e,t.schema,t.name)):""}function it(e,t){let s=e.parameters.filter(i=>i.required&&!t[i.name]).map(i=>i.name),n=e.path.replace(/\{([^}]+)\}/g,(i,c)=>encodeURIComponent(t[c]??"")),o=e.parameters.filter(i=>i.in==="query"&&t[i.name]).map(i=>`${encodeURIComponent(i.name)}=${encodeURIComponent(t[i.name]).replace(/%2C/g,",")}`).join("&"),a=Object.fromEntries(e.parameters.filter(i=>i.in==="header"&&t[i.name]).map(i=>[i.name,t[i.name]]));return{path:n,query:o,headers:a,missing:s}}function on(e,t){let s=new Set,n=(r,o)=>{o>6||s.size>=t||typeof r!="object"||r===null||(typeof r.id=="string"&&s.add(r.id),Object.values(r).forEach(a=>n(a,o+1)))};try{n(JSON.parse(e),0)}catch{return[]}return[...s].slice(0,t)}function to({document:e,parameter:t,value:s,ids:n,onChange:r,onFindId:o}){let a=Z(e,t.schema)??{},i=`parameter-${t.name}`,c=/^ids?$/.test(t.name),p=a.type==="integer"||a.type==="number"?"number":"text",d=a.enum??(a.type==="boolean"?["true","false"]:null);return l`<div class="parameter">
    <label for=${i}><span class="mono">${t.name}</span>
      ${t.required?l`<span class="required">required</span>`:""}<span class="note">${t.in}
      </span></label>
    <div class="parameter-input">${d?l`<select id=${i} value=${s} aria-describedby=${`${i}-note`}
          onChange=${f=>r(f.currentTarget.value)}>
          ${!t.required&&l`<option value="">not sent</option>`}${d.map(f=>l`<option key=${f}>${f}</option>`)}</select>`:l`<input id=${i} type=${p} step="any" value=${s} placeholder=${nn(e,t)}
          required=${t.required} spellcheck=${!1} autocomplete="off" list=${c&&n.length?"known-ids":void 0}
        aria-describedby=${`${i}-note`} onInput=${f=>r(f.currentTarget.value)} />`}
      ${c&&!s&&o&&l`<button type="button" class="button small"
        onClick=${o}>Find one</button>`}</div>
    <p class="note" id=${`${i}-note`}>${t.description??a.description}</p>
  </div>`}function an({document:e,operation:t,values:s,body:n,ids:r,onChange:o,onFindId:a}){let{path:i,query:c}=it(t,s),p=null;try{t.body&&n&&JSON.parse(n)}catch(d){p=d.message}return l`<div class="parameters">
    ${t.parameters.map(d=>l`<${to} key=${`${t.id} ${d.name}`} document=${e} parameter=${d}
        value=${s[d.name]??""} ids=${r}
      onChange=${f=>o({values:{...s,[d.name]:f}})} onFindId=${a} />`)}
    <datalist id="known-ids">${r.map(d=>l`<option key=${d} value=${d} />`)}</datalist>
    ${t.body&&l`<div class="parameter"><label for="body"><span class="mono">body</span>
        <span class="note">JSON, derived from its schema</span></label>
      <textarea id="body" rows=${Math.min(16,Math.max(5,(n??"").split(`
`).length))} spellcheck=${!1}
        value=${n} onInput=${d=>o({body:d.currentTarget.value})}></textarea>
      ${p&&l`<p class="note is-warn">Not JSON: ${p}. It is sent as it is.</p>`}</div>`}
    <p class="request-line mono"><b>${t.method}</b> ${i}${c?`?${c}`:""}</p>
  </div>`}function cn({entry:e}){let{status:t,headers:s,body:n,error:r,instance:o,durationMs:a,cut:i}=e;if(r)return l`<section class="card" aria-label="Response"><header class="card-head"><h2>Response</h2></header>
      <${z}>${r}<//></section>`;let c=t>=500?"bad":t>=400?"warn":"good";return l`<section class="card response" aria-label="Response">
    <header class="card-head"><h2>Response</h2><span class=${`chip is-${c}`}>${t}</span><span class="note">
      ${R(a)}</span><span class="card-side mono ellipsis" title=${o}>${o}</span></header>
    <pre class="body" tabindex="0" aria-label="Body">${n?Xe(n):"no body"}</pre>
    ${i&&l`<p class="note">The rest of the body is not shown.</p>`}
    <details><summary>${Object.keys(s??{}).length} headers</summary><dl class="facts attributes">
      ${Object.entries(s??{}).map(([p,d])=>l`<div key=${p}><dt>${p}</dt><dd>
      ${String(d)}</dd></div>`)}</dl></details>
  </section>`}function ln({id:e}){let{trace:t,error:s}=At(e,!0),[n,r]=w(null);if(!e)return null;let o=t?.spans.find(i=>re(i)===n),a=i=>r(re(t.spans.find(c=>c.spanId===i)));return l`<section class="card trace-beside" aria-label="Trace">
    <header class="card-head"><h2>Trace</h2>${t&&l`<span class="note">${R(t.durationMs)}${t.complete?"":", more spans are arriving"}</span>`}
      <a class="card-side mono" href=${H("traces",[e])}>open ${e.slice(0,8)}</a></header>
    ${t?l`<${ot} trace=${t} label="Spans of the request" lines=${2} selected=${n}
          onSelect=${i=>r(i.key===n?null:i.key)} onEscape=${()=>r(null)} />`:s?l`<p class="note">
            ${s.status===404?l`No span has arrived. Services send traces if they are started with <code>OTEL_EXPORTER_OTLP_ENDPOINT</code>; devstack sets it.`:s.message}</p>`:l`<p class="note">Waiting for its spans: services send them in batches, within seconds.</p>`}
    ${o&&l`<${Pt} span=${o} trace=${t} onClose=${()=>r(null)} onSelect=${a} />`}
  </section>`}var so=20,dn=50,pn=64*1024,B={documents:null,history:[],ids:[],values:{},last:null};function no(){let[e,t]=w({documents:B.documents,error:null});return S(()=>{let s=new AbortController;return vs(s.signal).then(({services:n})=>{B.documents=n,t({documents:n,error:null})},n=>n.name!=="AbortError"&&t(r=>({...r,error:n.message}))),()=>s.abort()},[]),e}function ro({all:e,chosen:t,onChoose:s}){let n=[...new Set(e.map(r=>r.service))];return l`<label class="field wide"><span class="field-label">Route</span>
    <select value=${t?.id??""} onChange=${r=>s(r.currentTarget.value)}>
    ${n.map(r=>l`<optgroup key=${r} label=${r}>${e.filter(o=>o.service===r).map(o=>l`<option key=${o.id} value=${o.id}>${o.method} ${o.path}</option>`)}</optgroup>`)}</select></label>`}function oo({entries:e,onOpen:t,current:s}){return e.length?l`<section class="card history" aria-label="Last requests"><header class="card-head">
    <h2>Last requests</h2></header><ul>${e.map(n=>l`<li key=${n.key}>
    <button type="button" class="history-row" aria-pressed=${n===s} onClick=${()=>t(n)}>
      <span class=${`chip ${n.status>=500||!n.status?"is-bad":n.status>=400?"is-warn":"is-good"}`}>${n.status||"failed"}</span>
      <span class="mono ellipsis">
        ${n.sent.method} ${n.sent.path}${n.sent.query?`?${n.sent.query}`:""}</span>
        <span class="note">${n.durationMs===void 0?"":R(n.durationMs)}</span>
        <time class="note">${ke(n.timeMs)}</time></button></li>`)}</ul></section>`:null}function un(e,t){let s=t?.path.includes("/{")?t.path.slice(0,t.path.indexOf("/{")):null;return e.find(r=>r.method==="GET"&&r.path===s&&r.service===t.service&&!r.parameters.some(o=>o.required))??e.find(r=>r.method==="GET"&&r.path==="/v1/movies"&&r.service==="movie")}var ao=0;function hn({parameters:e}){let{documents:t,error:s}=no(),[,n]=w(0),[r,o]=w(!1),a=D(null),i=Object.entries(t??{}).flatMap(([_,$])=>tn(_,$)).sort((_,$)=>($.service==="movie")-(_.service==="movie")),c=i.find(_=>_.id===e.route)??i.find(_=>_.path==="/v1/movies")??i[0],p=c&&t[c.service],d=()=>{let{ids:_}=B,$=Object.fromEntries(c.parameters.map(P=>[P.name,rn(p,P,_)])),M=c.body?JSON.stringify(sn(p,c),null,2):void 0;return{values:$,body:M}};c&&!B.values[c.id]&&(B.values[c.id]=d());let f=c&&B.values[c.id],h=_=>{B.values[c.id]={...f,..._},n($=>$+1)},u=async _=>{let $={key:++ao,timeMs:Date.now(),sent:_};try{let M=await ks(_),P=_.method==="GET"&&M.status===200?on(M.body,dn):[];return B.ids=[...new Set([...P,...B.ids])].slice(0,dn),{...$,...M,body:M.body.slice(0,pn),cut:M.body.length>pn}}catch(M){return{...$,status:0,error:M.message}}},g=_=>{B.last=_,B.history=[_,...B.history].slice(0,so)},y=async _=>{_?.preventDefault();let{path:$,query:M,headers:P,missing:O}=it(c,f.values);O.length||r||(o(!0),g(await u({service:c.service,method:c.method,path:$,query:M||void 0,headers:c.body?{"content-type":"application/json",...P}:P,body:c.body?f.body:void 0})),o(!1),a.current?.getBoundingClientRect().top>innerHeight-160&&a.current.scrollIntoView({block:"start"}))},m=async()=>{let _=un(i,c),$=await u({service:_.service,method:"GET",path:_.path,headers:{}});B.ids.length||g($);let M=c.parameters.find(P=>/^ids?$/.test(P.name))?.name;M&&B.ids.length?h({values:{...f.values,[M]:B.ids[0]}}):n(P=>P+1)},k=_=>{_.key==="Enter"&&(_.ctrlKey||_.metaKey)&&y(_)};if(s&&!t)return l`<${L} title="No routes"><p>${s}</p><//>`;if(!c)return l`<${L} title=${t?"No service responds":"Loading the routes"}>
      <p>The routes are those of the services’ OpenAPI documents.</p>
      ${t&&l`<pre>cargo run -p devstack</pre>`}<//>`;let{last:v}=B;return l`<div class="try">
    <div class="try-left">
      <form class="card" onSubmit=${y} onKeyDown=${k} aria-label="Request">
        <${ro} all=${i} chosen=${c} onChoose=${_=>G("try",[],{route:_})} />
        <p class="note summary"><${U} name=${c.service} /> ${c.summary}</p>
        <${an} document=${p} operation=${c} values=${f.values} body=${f.body}
          ids=${B.ids} onChange=${h} onFindId=${un(i,c)?m:void 0} />
        <div class="send"><button type="submit" class="button primary" disabled=${r}><${C} name="try" />
          ${r?"Sending":"Send"}</button>
          <button type="button" class="button" onClick=${()=>h(d())}>Reset</button><span class="note">
            <kbd>Ctrl</kbd> <kbd>Enter</kbd></span></div>
      </form>
      <${oo} entries=${B.history} current=${v} onOpen=${_=>{B.last=_,n($=>$+1)}} />
    </div>
    <div class="try-right" ref=${a}>
      <p class="hidden" role="status">${r?"Sending":v&&(v.error??`Status ${v.status} in ${R(v.durationMs)}`)}</p>
      ${s&&l`<${z}>${s}<//>`}
      ${v?l`<${cn} entry=${v} /><${ln} key=${v.key} id=${v.traceId} />`:l`<${L} title="Send a request">
            <p>Its response appears here, and beside it the path that it took through the services: each request from this page is traced.</p><//>`}
    </div>
  </div>`}var io=1e3,fn={kill:["Kill","Ends it at once, without draining"],freeze:["Freeze","It keeps its connections and stops responding"],slow:["Slow down","Each response is delayed"],fail:["Fail","It responds with errors"],cut:["Cut off","The registry does not respond"],stop:["Stop","The broker does not respond"],burst:["Burst","Sends 20,000 events at once"]},co={kill:"Killed",freeze:"Frozen",slow:"Slowed down",fail:"Failing",cut:"Cut off",stop:"Stopped",burst:"Burst sent"};function lo(){let[e,t]=w(null),[s,n]=w(null);return S(()=>{let o=new AbortController,a=()=>ze(o.signal).then(t,()=>{});a();let i=setInterval(a,io);return()=>{clearInterval(i),o.abort()}},[]),[e,s,(o,a)=>ys(o,a).then(i=>{t(i),n(null)},i=>n(i.message))]}function po({active:e}){let[t,s]=w(Date.now());S(()=>{let o=setInterval(()=>s(Date.now()),250);return()=>clearInterval(o)},[]);let n=Math.max(0,e.healsMs-t),r=Math.min(1,n/Math.max(1,e.healsMs-e.sinceMs));return l`<span class="countdown"><svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <circle cx="10" cy="10" r="8" class="countdown-all" />
    <circle cx="10" cy="10" r="8" class="countdown-left" pathLength="100"
      stroke-dasharray=${`${(r*100).toFixed(1)} 100`} transform="rotate(-90 10 10)" /></svg>
    heals in ${Math.ceil(n/1e3)} s</span>`}function $n({target:e,name:t,state:s,apply:n}){let{id:r,active:o,actions:a}=e;return l`<li class=${`target ${o?"is-broken":""}`}>
    <div class="target-head"><span class="target-name mono" title=${r}>${t}</span>
      ${o?l`<span class="chip is-bad">${co[o.action]??o.action}
        </span>`:s&&l`<span class=${`chip is-${s.kind}`}>${s.text}</span>`}
      ${o&&l`<${po} active=${o} />`}</div>
    <div class="target-actions" role="group" aria-label=${r}>
      ${o&&l`<button type="button" class="button primary"
        onClick=${()=>n(r,"heal")}>Heal<span class="hidden"> ${r}</span></button>`}
      ${a.map(i=>l`<button type="button" key=${i} class="button danger" title=${fn[i]?.[1]}
        disabled=${o?.action===i} onClick=${()=>n(r,i)}>${fn[i]?.[0]??i}
          <span class="hidden"> ${r}</span></button>`)}
    </div>
  </li>`}var uo={registry:"Registry",broker:"Kafka",topic:"Topic of events"},ho={ready:"good",draining:"warn",unready:"warn",unreachable:"bad",gone:"plain"};function fo({live:e,load:t}){let s=e.system?.responses?.failed;return l`<section class=${`hero ${s>0?"is-bad":"is-good"}`} aria-label="What callers notice">
    <div class="hero-main"><p class="hero-number">${x(s)}</p>
      <p class="hero-text">failed responses since start<br /><span class="note">
        ${s>0?"Callers noticed: see Traces, failed.":"Break something: callers should not notice."}</span>
        </p></div>
    <div class="hero-side"><p class="hero-rate">${W(e.system?.responses?.perSecond)}</p>
      <p class="note">responses</p><${ne} series=${e.rate} width=${220} height=${44} /></div>
    <dl class="hero-load"><div><dt>Load</dt><dd>
      ${t?.running?`${W(t.requestsPerSecond)}, running`:"not running"}</dd></div>
      <div><dt>Sent</dt><dd>${x(t?.sent)}</dd></div><div><dt>Failed for the load</dt>
        <dd class=${t?.failed>0?"is-bad":""}>${x(t?.failed)}</dd></div>
      ${t?.lastFailure&&l`<div><dt>Last failure</dt><dd>${t.lastFailure}</dd></div>`}</dl>
  </section>`}function mn(){let e=K("system"),[t,s,n]=lo();if(!t)return l`<${L} title="One moment"><p>Asking what can be broken.</p><//>`;if(!t.available)return l`<${L} title="This console only watches">
      <p>Only the console of devstack can break what it runs:</p><pre>cargo run -p devstack</pre><//>`;let r=new Map((e.system?.services??[]).flatMap(p=>p.instances.map(d=>[d.id,d]))),o=[...new Set(t.targets.filter(p=>p.kind==="instance").map(p=>p.service))].map(p=>[p,t.targets.filter(d=>d.kind==="instance"&&d.service===p)]),a=t.targets.filter(p=>p.kind!=="instance"),i=t.targets.filter(p=>p.active),c=p=>{let d=r.get(p);return d&&(d.ejected?{kind:"warn",text:"ejected"}:{kind:ho[d.state]??"plain",text:d.state})};return l`<div class="page page-break">
    <${fo} live=${e} load=${t.load} />
    ${s&&l`<${z}>${s}<//>`}
    <p class="lead">A broken part heals after a minute, or when you say so. Watch the number above, and the <a href="#/map">map</a>.
      ${i.length>1&&l` <button type="button" class="button small"
        onClick=${()=>i.forEach(p=>n(p.id,"heal"))}><${C}
        name="check" />Heal all ${i.length}</button>`}</p>
    <div class="target-groups">
      ${o.map(([p,d])=>l`<section class="card" key=${p} aria-label=${p}><header class="card-head"><h2>
          <${U} name=${p} /></h2>
        ${d.length===1&&l`<span class="note">the only instance: callers will notice</span>`}</header>
        <ul class="targets">${d.map(f=>l`<${$n} key=${f.id} target=${f}
          name=${Je(f.id,p)} state=${c(f.id)} apply=${n} />`)}</ul></section>`)}
      ${a.length>0&&l`<section class="card" aria-label="Around the services"><header class="card-head">
          <h2>Around the services</h2></header>
        <ul class="targets">${a.map(p=>l`<${$n} key=${p.id} target=${p}
          name=${uo[p.kind]??p.id} apply=${n} />`)}</ul></section>`}
    </div>
  </div>`}var $o=[["map","Map",Us],["traces","Traces",Ks],["ingestion","Ingestion",Zs],["logs","Logs",en],["try","Try it",hn],["break","Break it",mn]],mo=e=>e.closest?.("input, textarea, select, [contenteditable]")!==null;function go(e,t){S(()=>{let s=n=>{if(n.altKey||n.ctrlKey||n.metaKey||mo(n.target)||document.querySelector("dialog[open]"))return;let r=Number(n.key);if(n.key==="?")t(!0);else if(n.key==="/")document.querySelector('main input[type="search"]')?.focus();else if(r>=1&&r<=e.length)Ye(e[r-1][0]);else return;n.preventDefault()};return addEventListener("keydown",s),()=>removeEventListener("keydown",s)},[e.length])}function _o(){let[e,t]=w(void 0),{link:s}=K("link");return S(()=>{s!=="lost"&&ze().then(n=>t(n.available===!0),()=>{})},[s]),e}function vo(){let{link:e,lostAt:t}=K("link","system"),[,s]=w(0);return S(()=>{if(e!=="lost")return;let n=setInterval(()=>s(r=>r+1),1e3);return()=>clearInterval(n)},[e]),l`<div class="lost" role="status">${e==="lost"&&l`<p>
    <strong>The console does not respond.</strong>${" "}
    <span aria-hidden="true">What you see is ${ve(Math.round((Date.now()-t)/1e3))} old. </span>
    The page connects again by itself. If you stopped it: <code>cargo run -p devstack</code>.</p>`}</div>`}function gn(){let e=Ns(),[t,s]=w(!1),n=_o(),{link:r}=K("link"),o=D(null),a=$o.filter(([u])=>u!=="break"||n!==!1);go(a,s);let[i,c,p]=a.find(([u])=>u===e.view)??a[0],d=i==="traces"&&e.path.length>0;S(()=>{document.title=`${d?"Trace":c} · Marquee console`},[c,d]),S(()=>{document.querySelector(".tabs [aria-current]")?.scrollIntoView({block:"nearest",inline:"nearest"})},[i]);let f=`${i}/${e.path.join("/")}`,h=D(f);return S(()=>{h.current!==f&&o.current.focus({preventScroll:!0}),h.current=f},[f]),l`<div class=${`shell link-${r}`}>
    <a class="skip" href="#main" onClick=${u=>{u.preventDefault(),o.current.focus()}}>Skip to the view</a>
    <header class="top">
      <div class="topbar">
        <a class="brand" href=${H("map")}><img src="/assets/icon.svg" width="24" height="24" alt="" />
          <span>Marquee</span></a>
        <nav class="tabs" aria-label="Views">${a.map(([u,g],y)=>l`<a key=${u} href=${H(u)}
          aria-current=${u===i?"page":void 0} title=${`${g} (${y+1})`}><${C} name=${u} />
            ${g}</a>`)}</nav>
        <div class="tools">
          <${As} />
          <button type="button" class="quiet" aria-label="Help and shortcuts" title="Help (?)"
            onClick=${()=>s(!0)}><${C} name="help" /></button>
        </div>
      </div>
      <${Os} />
      <${vo} />
    </header>
    <main id="main" ref=${o} tabindex="-1" class=${`view view-${i}`}>
      <h1 class="hidden">${d?"Trace":c}</h1>
      ${d?l`<${Ys} id=${e.path[0]}
        span=${e.parameters.span} />`:l`<${p} ...${e} />`}
    </main>
    ${t&&l`<${Es} views=${a} onClose=${()=>s(!1)} />`}
  </div>`}Cs();Xt(l`<${gn} />`,document.getElementById("app"));
