// Tells the reader whether the page still moves: <html data-live="on|lost">, styled in elstrada.css.
"use strict";
const root = document.documentElement;
const say = (state) => () => { root.dataset.live = state; };
document.addEventListener("htmx:sse:after:connection", say("on"));
document.addEventListener("htmx:sse:after:message", say("on"));
document.addEventListener("htmx:sse:error", say("lost"));
document.addEventListener("htmx:sse:close", say("lost"));
