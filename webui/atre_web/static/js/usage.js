// SPDX-License-Identifier: Apache-2.0
// The plot of the usage page, in tokens.
import { draw } from "./plot.js";

draw("completion", "prompt", 10);
