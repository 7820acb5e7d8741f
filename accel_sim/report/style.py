"""The page's style sheet and its script. The page is complete without the script: it only sorts and picks."""

CSS = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1d2430;--muted:#5b6472;--line:#dde1e6;--accent:#0b5cad;
--series-1:#0072b2;--series-2:#c24e00;--series-3:#007a5a;--series-4:#a8528a;--series-5:#8a6d00;--series-6:#3b3b3b;
--masked:#b9c2cd;--tolerable:#4aa3df;--critical:#c24e00;--due:#3b2f63;
--hatch:#a9b1bc;--h0:#eef1f4;--h1:#fff3d6;--h2:#fee3a6;--h3:#fdc572;--h4:#f79a4a;--h5:#e2632f;--h6:#b5332a;--h7:#6f1328}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#191f27;--ink:#e6e9ee;--muted:#9aa5b4;--line:#313a46;
--accent:#74b4f2;--series-1:#56b4e9;--series-2:#f0883e;--series-3:#2fbf93;--series-4:#d98cc0;--series-5:#e3c34a;
--series-6:#c9d1d9;--masked:#4b5768;--tolerable:#3d8fc9;--critical:#e5702b;--due:#a99be0;
--hatch:#556171;--h0:#222a34;--h1:#33284a;--h2:#52275c;--h3:#7a2a62;--h4:#a8364f;--h5:#d4552f;--h6:#f08c24;--h7:#f9d65c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
header,main,footer{max-width:1230px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1.65rem;line-height:1.2;margin:0 0 .3em;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:0 0 .6em;overflow-wrap:anywhere}
h3{font-size:1.05rem;margin:2em 0 .5em}
p{margin:.5em 0;max-width:78ch;overflow-wrap:anywhere}
.halves{display:flex;flex-wrap:wrap;gap:0 36px}.half{min-width:0;max-width:100%}
.lede{font-size:1.05rem;color:var(--muted);margin-bottom:1.2em}
a{color:var(--accent)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:22px 24px;margin:0 0 20px}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:8px 10px}
.muted,.pick,small{color:var(--muted)}
.note{border-left:3px solid var(--critical);padding-left:10px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 12px}
.tiles>div{flex:1 1 220px;border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.tiles dt{color:var(--muted);font-size:.88rem}
.tiles dd{margin:0;font-size:1.7rem;font-weight:600;line-height:1.25}
.tiles small{display:block;font-size:.85rem;font-weight:400}
.bar{display:flex;gap:2px;height:16px;margin-top:14px;border-radius:5px;overflow:hidden}
.bar span{min-width:2px}
.o-masked{background:var(--masked)}.o-tolerable{background:var(--tolerable)}
.o-critical{background:var(--critical)}.o-due{background:var(--due)}
.keys{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.86rem;align-items:center;max-width:none}
.key{display:inline-flex;align-items:center;white-space:nowrap}
.sw{display:inline-block;width:15px;height:15px;border-radius:3px;flex:none;margin-right:6px;vertical-align:-2px}.sign{margin-right:5px}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 18px;margin:0;font-size:.92rem}
.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:.6em 0;-webkit-overflow-scrolling:touch}
.tall{max-height:70vh;overflow-y:auto}
table{border-collapse:separate;border-spacing:0;font-size:.86rem}
caption{text-align:left;color:var(--muted);padding-bottom:6px;position:sticky;left:0;max-width:86vw}
.plain th,.plain td{padding:4px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
.plain th[scope=row],.plain th:first-child,.sortable th:nth-child(2){text-align:left;font-weight:500}
.plain thead th{position:sticky;top:0;background:var(--card);border-bottom:2px solid var(--line);font-weight:600}
.sortable{font-size:.8rem}.sortable th,.sortable td{padding:3px 6px}
.sortable th[scope=row]{max-width:300px;overflow:hidden;text-overflow:ellipsis}
.sortable th button{all:unset;cursor:pointer}.sortable th button:focus-visible{outline:2px solid var(--accent)}
.sortable th[aria-sort=ascending] button::after{content:" ▲"}
.sortable th[aria-sort=descending] button::after{content:" ▼"}
.heat{border-spacing:1px;font-size:10px;line-height:1}
.heat caption{font-size:.86rem;line-height:1.4}
.heat th{font-weight:400;color:var(--muted);padding:2px 3px}
.heat tbody th{text-align:right;white-space:nowrap;position:sticky;left:0;background:var(--card);color:var(--ink);
font-size:12px;padding-right:8px;z-index:1}
.heat tbody td{width:22px;min-width:22px;height:21px;text-align:center;padding:0}
.heat .gs{border-left:9px solid var(--card)}.heat tbody td.gs{width:31px;min-width:31px}
.heat thead th[colspan]{text-align:left;font-size:12px;color:var(--ink)}
.h0{background:var(--h0)}.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}
.h4{background:var(--h4)}.h5{background:var(--h5)}.h6{background:var(--h6)}.h7{background:var(--h7)}
td.h0{color:var(--muted)}td.h1,td.h2,td.h3,td.h4{color:#1d2430}td.h5,td.h6,td.h7{color:#fff}
@media(prefers-color-scheme:dark){td.h1,td.h2,td.h3,td.h4{color:#fff}td.h5,td.h6,td.h7{color:#16120c}}
.no{background:repeating-linear-gradient(135deg,transparent 0 3px,var(--hatch) 3px 4px);background-clip:padding-box}
.heat td{background-clip:padding-box}.heat .on{outline:2px solid var(--accent)}
.pick{font-size:.86rem;min-height:1.5em}
.plot{width:100%;min-width:720px;height:auto;display:block}
.plot *{stroke-linejoin:round}.plot text{font-family:inherit}
.maps{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px;margin:.8em 0}
figure{margin:0}figcaption{font-size:.9rem;color:var(--muted);padding-top:3px}
.maps img{width:100%;height:auto;display:block;image-rendering:pixelated;border-radius:4px;border:1px solid var(--line)}
details{margin:.8em 0}summary{cursor:pointer;color:var(--accent)}
.limits{padding-left:1.2em;max-width:82ch}.limits li{margin:.45em 0}
footer{color:var(--muted);font-size:.86rem;padding-bottom:32px}
@media(max-width:600px){header,main,footer{padding:0 10px}section{padding:14px 12px}header{padding-top:16px}
.facts{grid-template-columns:minmax(0,1fr)}.facts dt{margin-top:6px}h1{font-size:1.35rem}}
@media print{section{break-inside:auto;border:0}.tall{max-height:none}.scroll{overflow:visible}}
"""

SCRIPT = """
document.querySelectorAll('table.sortable').forEach(function(table){
  var heads=[].slice.call(table.tHead.rows[0].cells),body=table.tBodies[0];
  function value(row,i){var c=row.cells[i],t=c.dataset.v||c.textContent,n=Number(t.replace(/\\u00a0/g,''));
    return t!==''&&!isNaN(n)?n:t.toLowerCase();}
  heads.forEach(function(head,i){
    var button=document.createElement('button');button.type='button';button.textContent=head.textContent;
    head.textContent='';head.appendChild(button);
    button.addEventListener('click',function(){
      var up=head.getAttribute('aria-sort')==='descending';
      heads.forEach(function(h){h.removeAttribute('aria-sort');});
      head.setAttribute('aria-sort',up?'ascending':'descending');
      [].slice.call(body.rows).map(function(r){return[value(r,i),r];}).sort(function(a,b){
        var d=typeof a[0]===typeof b[0]?(a[0]<b[0]?-1:a[0]>b[0]?1:0):typeof a[0]==='number'?-1:1;return up?d:-d;
      }).forEach(function(p){body.appendChild(p[1]);});
    });
  });
});
document.querySelectorAll('table.heat').forEach(function(table){
  var line=table.parentNode.nextElementSibling,last;
  function pick(event){var c=event.target.closest('tbody td[title]');if(!c)return;
    if(last)last.classList.remove('on');last=c;c.classList.add('on');line.textContent=c.title;}
  table.addEventListener('click',pick);table.addEventListener('mouseover',pick);
});
"""
