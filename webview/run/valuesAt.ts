import { useEffect, useState } from "preact/hooks";
import type { ValueQuestion } from "../../src/protocol/runSurface";
import type { RunHost } from "./runModel";

/** @param runs another object when they have grown: then it asks again, and shows what was there until the answer comes. */
export function useValuesAt(
  host: RunHost,
  questions: readonly ValueQuestion[],
  runs: unknown,
): ReadonlyMap<string, number> {
  const [answers, setAnswers] = useState<ReadonlyMap<string, number>>(new Map());
  const asked = JSON.stringify(questions);
  useEffect(() => {
    if (questions.length === 0) return;
    const controller = new AbortController();
    host
      .call("valuesAt", { of: questions }, controller.signal)
      .then((values) => {
        setAnswers(
          new Map(questions.map((question, index) => [questionKey(question), values[index] ?? Number.NaN])),
        );
      })
      // Left open, as where there is no value; the charts beside it tell what is wrong.
      .catch(() => undefined);
    return () => controller.abort();
  }, [asked, runs]);
  return answers;
}

export function questionKey({ run, key, step }: ValueQuestion): string {
  return JSON.stringify([run, key, step]);
}
