import type { Channel } from "../../src/protocol/channel";
import type { EditorHostCalls, EditorPageCalls } from "../../src/protocol/editorSurface";

/** The extension as the page sees it. */
export type EditorHost = Pick<Channel<EditorPageCalls, EditorHostCalls>, "call" | "notify">;
