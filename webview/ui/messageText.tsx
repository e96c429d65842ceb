import { safeText } from "./safeText";

/** A message of ours, in which `what is typed` stands between backticks. Names in it are text nodes all the same. */
export function MessageText({ text }: { readonly text: string }) {
  const pieces = text.split("`");
  // Without a partner a backtick is part of a stranger's name.
  if (pieces.length % 2 === 0) return <>{safeText(text)}</>;
  return (
    <>
      {pieces.map((piece, index) =>
        index % 2 === 0 ? safeText(piece) : <code key={`${index} ${piece}`}>{safeText(piece)}</code>,
      )}
    </>
  );
}
