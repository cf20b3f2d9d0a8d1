/** The style of the list and the toasts. */

import { construct } from "./styles.js";

const CSS = `
:host {
  --accent: var(--tidings-accent, light-dark(#4f46e5, #a5a6ff));
  --on-accent: var(--tidings-on-accent, light-dark(#fff, #17181c));
  --surface: var(--tidings-surface, light-dark(#fff, #1b1c21));
  --text: var(--tidings-text, light-dark(#17181c, #f2f3f5));
  --muted: var(--tidings-muted, light-dark(#5d626d, #a3a8b3));
  --line: color-mix(in srgb, var(--text) 18%, transparent);
  --hover: color-mix(in srgb, var(--text) 6%, transparent);
  --tint: color-mix(in srgb, var(--accent) 6%, transparent);
  --radius: var(--tidings-radius, 16px);
  --shadow: var(--tidings-shadow, 0 0 0 1px var(--line), 0 2px 6px rgb(0 0 0 / .06), 0 16px 40px -8px light-dark(rgb(0 0 0 / .18), rgb(0 0 0 / .6)));
}
button, a { transition: background .15s }
.bell:hover, .bell[aria-expanded=true] { background: color-mix(in srgb, currentColor 9%, transparent) }
.offline svg { opacity: .5 }
.ringing svg { animation: swing .7s; transform-origin: top }

p, h2, ul { margin: 0; padding: 0; font-size: inherit }
[data-priority=critical] .title, b, h2, .strong { font-weight: 650 }
.visually-hidden { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap }

.panel, .toasts { position: fixed; margin: 0; border: 0; padding: 0; color: var(--text); text-align: left; white-space: normal }
.panel:dir(rtl), .toasts:dir(rtl) { text-align: right }
.panel { inset: var(--position); width: min(var(--tidings-width, 400px), 100vw - 16px); height: auto; max-height: min(var(--tidings-height, 620px), var(--max-height)); flex-direction: column; overflow: hidden; border-radius: var(--radius); background: var(--surface); box-shadow: var(--shadow); outline: 0; transition: all .15s allow-discrete; opacity: 0; transform: translateY(-6px) }
.panel:popover-open { display: flex; opacity: 1; transform: none }
@starting-style { .panel:popover-open { opacity: 0; transform: translateY(-6px) } }

.header { display: flex; flex-wrap: wrap; align-items: center; gap: 12px 4px; padding: 16px 14px 12px; border-block-end: 1px solid var(--line) }
h2 { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; padding-inline-start: 6px; font-size: 17px; line-height: 28px }
.text, .tab, .notice { display: flex; align-items: center; gap: 6px; padding: 0 10px; font-size: 13px; font-weight: 550; line-height: 28px }
.text { color: var(--accent) }
.text:hover { background: var(--tint) }
.text[aria-disabled=true] { color: var(--muted); background: none; cursor: default }
.icon { display: grid; place-items: center; width: 28px; height: 28px; font-size: 16px; color: var(--muted) }
.icon:hover { background: var(--hover); color: var(--text) }
.close { display: none }
[role=tablist] { display: flex; flex-basis: 100%; gap: 2px }
.tab { color: var(--muted) }
.tab:hover { color: var(--text) }
.tab[aria-selected=true] { background: var(--hover); color: var(--text) }
.count { min-width: 18px; padding: 0 5px; border-radius: 9px; background: var(--tint); color: var(--accent); font-size: 11px; font-weight: 650; line-height: 18px; text-align: center; font-variant-numeric: tabular-nums }
.notice { padding: 4px 20px; background: var(--hover); font-weight: inherit }
.notice span { flex: 1 }
.delayed { animation: delayed 1.5s }

.scroller { flex: 1; min-height: 0; overflow: hidden auto; overscroll-behavior: contain; overflow-anchor: none; scrollbar-width: thin; scrollbar-color: var(--line) transparent; padding: 6px }
.row, .toast { position: relative; display: grid; grid-template-columns: 40px minmax(0, 1fr) auto; column-gap: 12px; padding: 10px 12px }
.row { margin-block-end: 2px; border-radius: max(4px, var(--radius) - 6px) }
.row:hover { background: var(--hover) }
.link { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: 8px; outline: 0; border-radius: inherit; overflow-wrap: anywhere }
.link::after { content: ""; position: absolute; inset: 0; border-radius: inherit }
.link:focus::after { outline: 2px solid var(--accent); outline-offset: -2px }
.link > * { grid-column: 1 / 3 }
.link > .title, .body { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden }
.link > .title { grid-column: 1; -webkit-line-clamp: 3 }
.link > time { grid-area: 1 / 2; line-height: 20px }
.link > .body { font-size: 13px; color: var(--muted); text-align: match-parent }
.link > .meta, time { display: flex; gap: 6px; font-size: 12px; line-height: 18px; color: var(--muted); font-variant-numeric: tabular-nums }
.meta:not(:has(> :not([hidden]))) { display: none }
.meta > :not([hidden]) ~ :not([hidden])::before { content: "·"; margin-inline-end: 6px }
.row::after { content: ""; grid-area: 1 / 3; width: 8px; height: 8px; margin-block-start: 6px; border-radius: 50% }
[data-unread]::after { background: var(--accent) }
[data-unread][data-priority=critical]::after { background: var(--badge) }
.actions { position: absolute; inset-block-end: 6px; inset-inline-end: 6px; display: flex; border-radius: 8px; background: var(--surface); box-shadow: 0 0 0 1px var(--line); opacity: 0 }
.row:hover > .actions, .row:focus-within > .actions { opacity: 1 }

.avatars { position: relative; height: 40px }
.avatar, .kind { display: grid; place-items: center; width: 40px; height: 40px; border-radius: 50%; font-size: 20px; background: light-dark(oklch(.92 .045 var(--hue)), oklch(.36 .06 var(--hue))); color: light-dark(oklch(.42 .11 var(--hue)), oklch(.9 .06 var(--hue))) }
.avatar { position: relative; overflow: hidden; font-size: 13px; font-weight: 600 }
.avatar img { position: absolute; width: 100%; height: 100%; object-fit: cover }
.avatar ~ .kind { position: absolute; z-index: 1; inset-block-end: -4px; inset-inline-end: -5px; width: 18px; height: 18px; font-size: 11px; background: oklch(.57 .16 var(--hue)); color: #fff; outline: 2px solid var(--surface) }
.avatar ~ .kind svg { stroke-width: 2.5 }
.avatar:has(+ .avatar), .avatar + .avatar { position: absolute; inset-block-end: 0; width: 26px; height: 26px; font-size: 9px }
.avatar:has(+ .avatar) { z-index: 1; outline: 2px solid var(--surface) }
.avatar + .avatar { inset-block: 0 auto; inset-inline-end: 0 }

.link > progress { appearance: none; width: 100%; height: 5px; margin-block: 8px 4px; border: 0; border-radius: 3px; overflow: hidden; background: var(--line) }
::-webkit-progress-bar { background: none }
::-webkit-progress-value { background: var(--accent); transition: inline-size .3s }
::-moz-progress-bar { background: var(--accent) }

.placeholder { display: grid; justify-items: center; gap: 4px; padding: 44px 24px; color: var(--muted); font-size: 13px }
.placeholder svg { width: 56px; height: 56px; padding: 15px; margin-block-end: 8px; border-radius: 50%; background: var(--tint); color: var(--accent) }
.strong { color: var(--text); font-size: 15px }
.end { display: grid; place-items: center; height: 44px }
.spinner { width: 18px; height: 18px; border: 2px solid var(--line); border-block-start-color: var(--muted); border-radius: 50%; animation: spin .8s linear infinite }
slot[name=footer]::slotted(*) { padding: 10px 20px; border-block-start: 1px solid var(--line) }

.toasts { inset: auto; inset-block-end: 20px; inset-inline-end: 20px; width: min(360px, 100vw - 32px); height: 0; overflow: visible; background: none }
.toast { position: absolute; z-index: calc(9 - var(--depth)); inset: auto 0 0; height: var(--front); padding: 14px; overflow: hidden; border-radius: min(14px, var(--radius)); background: color-mix(in srgb, var(--surface), #fff 7%); box-shadow: var(--shadow); transform: translateY(calc(var(--depth) * -10px)) scale(calc(1 - var(--depth) * .05)); transform-origin: bottom; transition: all .2s }
.toast:last-child, [data-open] .toast { height: auto }
[data-open] .toast { transform: translateY(calc(var(--offset) * -1)) }
[data-open]::before { content: ""; position: absolute; inset: auto 0 0; height: var(--height) }
@starting-style { .toast { opacity: 0; transform: translateY(24px) } }
.toast[data-leaving] { opacity: 0; transform: translateY(24px); pointer-events: none }
.toast .icon { position: relative; z-index: 1; grid-area: 1 / 3; margin: -4px }

@media (forced-colors: active) {
  .panel, .toast, .actions, .badge, .count, .placeholder svg, progress { border: 1px solid CanvasText }
  .link > progress, [data-unread]::after, .tab[aria-selected=true], .kind { forced-color-adjust: none }
  [data-unread]::after, .tab[aria-selected=true] { background: Highlight; color: HighlightText }
  ::-webkit-progress-value { background: Highlight }
  ::-moz-progress-bar { background: Highlight }
  .link > progress { border: 1px solid CanvasText; background: Canvas; height: 8px }
}
@media (hover: none) {
  .icon { width: 36px; height: 36px }
  .actions { inset-block-end: 2px; background: none; box-shadow: none; opacity: 1 }
  .link > .meta { min-height: 24px; align-items: center }
}
@media (max-width: 480px) {
  .panel { inset: auto 0 0; width: auto; height: 86dvh; max-height: none; border-radius: 20px 20px 0 0 }
  .panel::backdrop { background: rgb(0 0 0 / .4) }
  .close { display: grid }
  .header .text { padding: 0 4px }
  .toasts { inset-inline-end: 16px }
}
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important }
}
@keyframes swing { 25% { rotate: 14deg } 50% { rotate: -11deg } 75% { rotate: 6deg } }
@keyframes delayed { 0%, 80% { opacity: 0 } }
@keyframes spin { to { rotate: 1turn } }
`;

/** @type {CSSStyleSheet | undefined} */
let constructed;

export const overlaySheet = () => (constructed ??= construct(CSS));
