import { loggedNumber } from "../../../progress/loggedNumber";
import type { LogReport } from "../logFormat";
import type { LogSink } from "../streamLog";
import { LineParser } from "../text/lineParser";
import { emptyReport } from "../wholeLog";

/** A metric of MLflow's file store: lines of `timestamp_ms value step`. Very old ones have no step. */
export class MetricFileParser extends LineParser {
  private rows = 0;

  constructor(private readonly name: string) {
    super();
  }

  protected override takeText(text: string, { points }: LogSink): void {
    const column = points.column(this.name);
    for (const line of text.split("\n")) {
      const [time, value, step] = line.trim().split(/\s+/);
      const number = loggedNumber(value);
      if (number === undefined) continue;
      const place = loggedNumber(step) ?? this.rows;
      this.rows++;
      column?.push(place, number, (loggedNumber(time) ?? Number.NaN) / 1000);
    }
  }

  override report(): LogReport {
    return emptyReport;
  }

  override fork(): MetricFileParser {
    const copy = new MetricFileParser(this.name);
    copy.rows = this.rows;
    return copy.keepViewState(this);
  }
}
