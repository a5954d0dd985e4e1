import * as ops from "../../../engine/ops";
import type { Tensor } from "../../../engine/graph/tensor";
import type { Call, CaseTable } from "./case";

const SHAPES = [
  "matrix matrix",
  "vector vector",
  "matrix vector",
  "vector matrix",
  "batch matrix",
  "matrix batch",
  "batch batch",
  "broadcast both",
  "broadcast rank",
  "broadcast 1",
  "batch vector",
  "vector batch",
  "size 1",
  "nothing inside",
  "no rows",
  "no batch",
];

const EQUATIONS = [
  "ij,jk->ik",
  "ij,jk",
  "ij,kj->ik",
  "ji",
  "ij->ji",
  "ij->",
  "ij->i",
  "ii->i",
  "ii",
  "iij->ji",
  "iii->i",
  "i,i->",
  "i,j->ij",
  "ij,ij->ij",
  "ij,j->i",
  "ii,i->i",
  "bij,bjk->bik",
  "bhqd,bhkd->bhqk",
  "ij,jk,kl->il",
  "bi,ij,bj->b",
  "i,ij,j",
  "ijk,ilm,njm->nkl",
  "ij,k->j",
  ",ij->ij",
  "ij,ij->",
];

export const matmul: CaseTable = {
  ...Object.fromEntries(SHAPES.map((name): [string, Call] => [`matmul ${name}`, (x, y) => x.matmul(y)])),
  "matmul with itself": (x) => x.matmul(x),
  "matmul transposed": (x, y) => x.transpose().matmul(y.transpose()),
  "matmul chain": (x, y, z) => x.matmul(y).tanh().matmul(z),
  dot: (x, y) => x.dot(y),
  "dot with itself": (x) => x.dot(x),
  outer: (x, y) => x.outer(y),
  ...Object.fromEntries(
    EQUATIONS.map((equation): [string, Call] => [
      `einsum ${equation}`,
      (...inputs: Tensor[]) => ops.einsum(equation, ...inputs),
    ]),
  ),
  "einsum same operand": (x) => ops.einsum("ij,kj->ik", x, x),
};
