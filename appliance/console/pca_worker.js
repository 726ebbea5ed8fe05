// Computes beside the page, which stays at hand meanwhile.

import { plane } from "./pca.js";

addEventListener("message", ({ data }) => postMessage(plane(data)));
