// SPDX-License-Identifier: GPL-2.0

//! The map as a page of its own: nothing is loaded from elsewhere.

use super::svg::{escape, picture};
use crate::cmd::map::Map;

/// What follows the pointer: the words of the cell below it.
const SCRIPT: &str = r#"
const tip = document.getElementById("tip");
document.addEventListener("pointermove", event => {
  const title = event.target.querySelector ? event.target.querySelector(":scope > title") : null;
  const words = title && event.target.tagName === "rect" ? title.textContent : "";
  tip.textContent = words;
  tip.hidden = words === "";
  tip.style.left = Math.min(event.pageX + 12, document.body.clientWidth - 320) + "px";
  tip.style.top = event.pageY + 16 + "px";
});
"#;

const STYLE: &str = "body{font:14px sans-serif;margin:2em;color:#333;background:#fff}\
svg{max-width:100%;height:auto}rect:hover{stroke:#000}\
#tip{position:absolute;background:#222;color:#fff;padding:4px 8px;border-radius:4px;max-width:300px}\
#tip[hidden]{display:none}\
@media(prefers-color-scheme:dark){body{background:#1c1c1c;color:#ddd}svg{color:#ddd}}";

/// The page of a map.
pub fn page(map: &Map, kernel: &str) -> String {
    let kernel = escape(kernel);
    let about = format!("Kernel {kernel}, {} GiB with RAM.", map.ram_gib);
    around("RMPOPT map", &about, &picture(map))
}

/// A page with a picture; both texts are markup.
pub fn around(title: &str, about: &str, svg: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
        <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
        <p>{about} Point at a cell to read it.</p>\n{svg}\
        <div id=\"tip\" hidden></div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}
