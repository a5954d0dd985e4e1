/** What a parameter's name says of it. */

/**
 * Whether a parameter is a bias: the last part of its name has the word (`hidden.bias`, `bias_ih_l0`, `in_proj_bias`), or is a b
 * with or without number or unit (`b`, `b1`, `b_2`), or an intercept.
 */
export function isBias(name: string | undefined): boolean {
  const last = name?.split(".").at(-1) ?? "";
  return /(^|_)bias([A-Z_\d]|$)|Bias([A-Z_\d]|$)|^b_?\d*$|^intercept$/.test(last);
}
