// The report begins here: what is shown stands in the page itself.

import { fail, show } from "./page.js";

const text = (name) => document.getElementById(name).textContent;
const packed = (name) => Uint8Array.from(atob(text(name)), (letter) => letter.charCodeAt(0));
show({ meta: JSON.parse(text("meta")), packed }).catch(fail);
