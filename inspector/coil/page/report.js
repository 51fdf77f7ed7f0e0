// The report begins here: what is shown stands in the page itself.

import { fail, show } from "./page.js";

const text = (name) => document.getElementById(name).textContent;
show({ meta: JSON.parse(text("meta")), text }).catch(fail);
