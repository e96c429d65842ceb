import "./focusVisibleProbe";
import "./lateStart";
import { vsCodeButton } from "@vscode/webview-ui-toolkit/dist/button/index.js";
import { vsCodeCheckbox } from "@vscode/webview-ui-toolkit/dist/checkbox/index.js";
import { vsCodeDropdown } from "@vscode/webview-ui-toolkit/dist/dropdown/index.js";
import { vsCodeOption } from "@vscode/webview-ui-toolkit/dist/option/index.js";
import { vsCodeProgressRing } from "@vscode/webview-ui-toolkit/dist/progress-ring/index.js";
import { vsCodeTextField } from "@vscode/webview-ui-toolkit/dist/text-field/index.js";
import { provideVSCodeDesignSystem } from "@vscode/webview-ui-toolkit/dist/vscode-design-system.js";
import { type ComponentChildren, h, type VNode } from "preact";
import { Icon, type IconName } from "./icon";

/**
 * The one file that knows the UI toolkit. It is archived upstream: whoever replaces it replaces the bodies of
 * these components, and no page changes. Each control comes from its own module: the package as a whole names all
 * of its own and of its foundation's, and 180 kB of them would stay in every page.
 */
provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeProgressRing(),
  vsCodeTextField(),
);

export interface ButtonProps {
  /** Before the text. A button that is nothing but an icon has it as its child. */
  readonly icon?: IconName | undefined;
  readonly children?: ComponentChildren | undefined;
  readonly onClick: () => void;
  /** `icon` is a small square button without a border; it needs a `label`. */
  readonly look?: "primary" | "secondary" | "icon" | undefined;
  /** Accessible name where the content is no text; also the tooltip. */
  readonly label?: string | undefined;
  readonly title?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly class?: string | undefined;
}

export function Button({ look = "secondary", icon, label, title, ...props }: ButtonProps): VNode {
  return h(
    "vscode-button",
    {
      appearance: look,
      title: title ?? label,
      // The toolkit copies it to the inner button, but not aria-pressed: what stays pressed is an IconButton or a chip.
      "aria-label": label,
      disabled: props.disabled ?? false,
      class: props.class,
      onClick: props.onClick,
    } as object,
    icon !== undefined && h("span", { slot: "start" }, h(Icon, { name: icon })),
    props.children,
  );
}

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly placeholder?: string | undefined;
  readonly invalid?: boolean | undefined;
  /** Id of the element that says what is wrong. */
  readonly describedBy?: string | undefined;
  readonly onKeyDown?: ((event: KeyboardEvent) => void) | undefined;
  readonly class?: string | undefined;
  /** Shown inside the field, before and after the text. */
  readonly start?: ComponentChildren | undefined;
  readonly end?: ComponentChildren | undefined;
}

export function TextField(props: TextFieldProps): VNode {
  return h(
    "vscode-text-field",
    {
      value: props.value,
      placeholder: props.placeholder,
      // When it is connected the toolkit overwrites the label with "Text field"; a ref is called after that.
      ref: (field: Element | null) => field?.setAttribute("aria-label", props.label),
      "aria-invalid": props.invalid ? "true" : undefined,
      "aria-describedby": props.describedBy,
      class: `${props.class ?? ""} ${props.invalid ? "invalid" : ""}`.trim() || undefined,
      onInput: (event: Event) => props.onInput((event.currentTarget as HTMLInputElement).value),
      onKeyDown: props.onKeyDown,
    } as object,
    props.start !== undefined && h("span", { slot: "start" }, props.start),
    props.end !== undefined && h("span", { slot: "end" }, props.end),
  );
}

export interface DropdownProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onChange: (value: string) => void;
  readonly class?: string | undefined;
}

export function Dropdown({ label, value, options, onChange, ...props }: DropdownProps): VNode {
  return h(
    "vscode-dropdown",
    {
      "aria-label": label,
      class: props.class,
      // Before its options are there, the toolkit cannot select one; so `selected` below says which it is.
      value,
      onChange: (event: Event) => onChange((event.currentTarget as HTMLSelectElement).value),
    } as object,
    ...options.map((option) =>
      h(
        "vscode-option",
        { key: option.value, value: option.value, selected: option.value === value } as object,
        option.label,
      ),
    ),
  );
}

export interface CheckboxProps {
  readonly children: ComponentChildren;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly title?: string | undefined;
}

export function Checkbox({ children, checked, onChange, title }: CheckboxProps): VNode {
  return h(
    "vscode-checkbox",
    {
      checked,
      title,
      onChange: (event: Event) => onChange((event.currentTarget as HTMLInputElement).checked),
    } as object,
    children,
  );
}

/** A sign of work of unknown length. Say in words beside it what the work is. */
export function ProgressRing(): VNode {
  return h("vscode-progress-ring", { "aria-hidden": "true" } as object);
}
