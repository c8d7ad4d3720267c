// SPDX-License-Identifier: Apache-2.0
// The plot of the power page, in kilowatt-hours.
import { draw } from "./plot.js";

draw("all", "idle", 0.01);
