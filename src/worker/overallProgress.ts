type Report = (done: number, total: number, label: string) => void;

/** Work in several passes over the same modules, told as one: each pass counts from 0 again. */
export function overallProgress(passes: number, report: Report): Report {
  let pass = 0;
  let last = -1;
  return (done, total, label) => {
    if (done <= last) pass = Math.min(pass + 1, passes - 1);
    last = done;
    report(pass * total + done, passes * total, label);
  };
}
