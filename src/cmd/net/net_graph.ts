/** A network as a picture: hosts and links pushed apart and pulled together until they lie well. SVG 1.1. */
import { formatIpv4 } from "../../lib/inet.ts";
import type { Topology } from "./net_file.ts";

const SIZE = 900;
const MARGIN = 80;
const ROUNDS = 200;

interface Node {
  readonly name: string;
  readonly link: boolean;
  x: number;
  y: number;
}
interface Edge {
  readonly from: Node;
  readonly to: Node;
  readonly text: string;
}
function graphOf({ hosts, links }: Topology): { readonly nodes: Node[]; readonly edges: Edge[] } {
  const total = hosts.length + links.length;
  const place = (i: number) => ({ x: Math.cos((2 * Math.PI * i) / total), y: Math.sin((2 * Math.PI * i) / total) });
  const lines = new Map(links.map((name, i): [string, Node] => [name, { name, link: true, ...place(i * 2.4) }]));
  const nodes = [...lines.values()];
  const edges: Edge[] = [];
  for (const [i, h] of hosts.entries()) {
    const node: Node = { name: h.name, link: false, ...place(links.length + i) };
    nodes.push(node);
    for (const a of h.attachments) {
      const text = a.addresses.map(({ address, length }) => `${formatIpv4(address)}/${length}`).join(" ");
      edges.push({ from: node, to: lines.get(a.link)!, text });
    }
  }
  return { nodes, edges };
}
/** Fruchterman and Reingold's way: all push each other off, edges pull, ever less. */
function settle(nodes: readonly Node[], edges: readonly Edge[]): void {
  const ideal = 2 / Math.sqrt(nodes.length + 1);
  const rounds = Math.min(ROUNDS, Math.ceil(2e7 / (nodes.length ** 2 + 1)));
  for (let round = 0; round < rounds; round++) {
    const most = 0.2 * (1 - round / rounds);
    const force = new Map(nodes.map((n) => [n, { x: 0, y: 0 }]));
    const push = (a: Node, b: Node, strength: (distance: number) => number) => {
      const [dx, dy] = [a.x - b.x || 1e-6, a.y - b.y || 1e-6];
      const distance = Math.hypot(dx, dy);
      const f = strength(distance) / distance;
      force.get(a)!.x += dx * f;
      force.get(a)!.y += dy * f;
    };
    for (const a of nodes) for (const b of nodes) if (a !== b) push(a, b, (d) => (ideal * ideal) / d);
    for (const { from, to } of edges) {
      push(from, to, (d) => (-d * d) / ideal);
      push(to, from, (d) => (-d * d) / ideal);
    }
    for (const [n, f] of force) {
      const length = Math.hypot(f.x, f.y) || 1;
      n.x += (f.x / length) * Math.min(length, most);
      n.y += (f.y / length) * Math.min(length, most);
    }
  }
}
/** Onto the picture. */
function scale(nodes: readonly Node[]): void {
  for (const axis of ["x", "y"] as const) {
    const all = nodes.map((n) => n[axis]);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const part = high - low < 1e-9 ? undefined : (SIZE - 2 * MARGIN) / (high - low);
    for (const n of nodes) n[axis] = part === undefined ? SIZE / 2 : MARGIN + (n[axis] - low) * part;
  }
}
const at = (n: number) => n.toFixed(1);
const label = (x: number, y: number, text: string, size: number) =>
  `<text x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="middle">${text}</text>`;

/** The picture of a network; names need no escape (see net_file.ts). */
export function svg(topology: Topology): string {
  const { nodes, edges } = graphOf(topology);
  settle(nodes, edges);
  scale(nodes);
  const lines = edges.flatMap(({ from, to, text }) => [
    `<line x1="${at(from.x)}" y1="${at(from.y)}" x2="${at(to.x)}" y2="${at(to.y)}" stroke="#888"/>`,
    label((from.x * 2 + to.x) / 3, (from.y * 2 + to.y) / 3 - 4, text, 10),
  ]);
  const shapes = nodes.flatMap(({ name, link, x, y }) => [
    link
      ? `<ellipse cx="${at(x)}" cy="${at(y)}" rx="34" ry="13" fill="#eef" stroke="#66a"/>`
      : `<rect x="${at(x - 32)}" y="${at(y - 13)}" width="64" height="26" rx="4" fill="#efe" stroke="#484"/>`,
    label(x, y + 4, name, 12),
  ]);
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}" font-family="sans-serif">`;
  return [head, ...lines, ...shapes, "</svg>", ""].join("\n");
}
