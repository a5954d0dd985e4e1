/** Ends the top level of a hand-written loop once a check or a trace has seen enough of it. */
export class Enough extends Error {
  override readonly name = "Enough";
}
