/**
 * The component set of VS Code's webviews as Preact components: the only file that knows the toolkit. FAST, on which it
 * stands, puts its styles into constructed style sheets, and where it cannot it takes the page's nonce from
 * `<meta property="csp-nonce">`.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDivider,
  vsCodeDropdown,
  vsCodeLink,
  vsCodeOption,
  vsCodePanels,
  vsCodePanelTab,
  vsCodePanelView,
  vsCodeProgressRing,
  vsCodeTextField,
} from "@vscode/webview-ui-toolkit";
import { h, type ComponentChildren, type JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDivider(),
  vsCodeDropdown(),
  vsCodeLink(),
  vsCodeOption(),
  vsCodePanels(),
  vsCodePanelTab(),
  vsCodePanelView(),
  vsCodeProgressRing(),
  vsCodeTextField(),
);

export interface ButtonProps {
  readonly children?: ComponentChildren;
  /** An SVG before the text. */
  readonly icon?: JSX.Element;
  /** The accessible name and tooltip where the text does not say enough, or there is none. */
  readonly label?: string;
  readonly appearance?: "primary" | "secondary" | "icon";
  readonly disabled?: boolean;
  /** For buttons that switch something on and off. */
  readonly pressed?: boolean;
  readonly expanded?: boolean;
  readonly onClick: () => void;
}

export function Button(props: ButtonProps): JSX.Element {
  const { children, icon, label, appearance = "secondary", disabled = false, pressed, expanded, onClick } = props;
  // An icon alone is the button's text; beside a text it goes into the slot before it.
  const before = icon && children !== undefined ? h("span", { slot: "start", class: "button-icon" }, icon) : icon;
  return h(
    "vscode-button",
    {
      appearance,
      disabled,
      "aria-label": label,
      title: label,
      "aria-pressed": pressed,
      "aria-expanded": expanded,
      class: pressed ? "pressed" : undefined,
      onClick: disabled ? undefined : onClick,
    },
    before,
    children,
  );
}

export interface CheckboxProps {
  readonly checked: boolean;
  readonly label?: string;
  readonly children?: ComponentChildren;
  readonly disabled?: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function Checkbox({ checked, label, children, disabled = false, onChange }: CheckboxProps): JSX.Element {
  return h(
    "vscode-checkbox",
    {
      checked,
      disabled,
      "aria-label": label,
      title: label,
      // FAST also says "change" when `checked` is set from outside.
      onChange: (event: Event) => {
        const now = (event.currentTarget as HTMLInputElement).checked;
        if (now !== checked) onChange(now);
      },
    },
    children,
  );
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

export interface DropdownProps {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly disabled?: boolean;
  readonly onChange: (value: string) => void;
}

export function Dropdown({ label, value, choices, disabled = false, onChange }: DropdownProps): JSX.Element {
  const element = useRef<HTMLSelectElement>(null);
  const written = choices.map((choice) => `${choice.value}\n${choice.text}`).join("\n");
  useLayoutEffect(() => {
    // The options are known to the component only after their slot changed, which is told later.
    const set = (): void => {
      if (element.current && element.current.value !== value) element.current.value = value;
    };
    set();
    const later = setTimeout(set);
    return () => clearTimeout(later);
  }, [value, written]);
  return h(
    "vscode-dropdown",
    {
      ref: element,
      disabled,
      "aria-label": label,
      title: label,
      onChange: (event: Event) => {
        const chosen = (event.currentTarget as HTMLSelectElement).value;
        if (chosen !== value) onChange(chosen);
      },
    },
    choices.map((choice) =>
      h("vscode-option", { key: choice.value, value: choice.value, selected: choice.value === value }, choice.text),
    ),
  );
}

export interface TabsProps<T extends string> {
  readonly label: string;
  readonly active: T;
  readonly tabs: readonly { readonly id: T; readonly text: string; readonly badge?: number }[];
  readonly onChange: (tab: T) => void;
  /** Of the active tab: the others are not rendered at all. */
  readonly children: ComponentChildren;
}

export function Tabs<T extends string>({ label, active, tabs, onChange, children }: TabsProps<T>): JSX.Element {
  return h(
    "vscode-panels",
    {
      "aria-label": label,
      activeid: `tab-${active}`,
      onChange: (event: CustomEvent<{ id?: string } | undefined>) => {
        // Components inside the tab bubble their own changes up to here.
        if (event.target !== event.currentTarget) return;
        const chosen = tabs.find((tab) => `tab-${tab.id}` === event.detail?.id);
        if (chosen && chosen.id !== active) onChange(chosen.id);
      },
    },
    tabs.map((tab) =>
      h(
        "vscode-panel-tab",
        { key: `tab-${tab.id}`, id: `tab-${tab.id}` },
        tab.text,
        // The toolkit's own badge and tag bring a style attribute, which the page's policy forbids.
        tab.badge ? h("span", { class: "badge" }, String(tab.badge)) : null,
      ),
    ),
    tabs.map((tab) =>
      h("vscode-panel-view", { key: `view-${tab.id}`, id: `view-${tab.id}` }, tab.id === active ? children : null),
    ),
  );
}

export function ProgressRing({ label }: { readonly label: string }): JSX.Element {
  return h("vscode-progress-ring", { "aria-label": label });
}

export function Divider(): JSX.Element {
  return h("vscode-divider", { role: "presentation" });
}

export interface LinkProps {
  readonly children: ComponentChildren;
  readonly label?: string;
  readonly onClick: () => void;
}

/** Goes to a place in the editor. */
export function Link({ children, label, onClick }: LinkProps): JSX.Element {
  return h(
    "vscode-link",
    {
      href: "#",
      "aria-label": label,
      title: label,
      onClick: (event: Event) => {
        event.preventDefault();
        onClick();
      },
    },
    children,
  );
}

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly onInput: (value: string) => void;
}

export function TextField({ label, value, placeholder, onInput }: TextFieldProps): JSX.Element {
  return h("vscode-text-field", {
    value,
    placeholder,
    "aria-label": label,
    onInput: (event: Event) => onInput((event.currentTarget as HTMLInputElement).value),
  });
}
