/** What the comparison shares with its parts that are loaded later, so that it comes in one file: see shell/common. */
import "../../src/core/adapter/moduleName";
import "../shell/common";
import "./columnWidths";
import "./compareFormat";
import "./compareMetrics";
import "./metricWidths";
