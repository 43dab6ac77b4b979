/** A web server with certificates of an authority of its own, for tests of disks that are not here. */
import { writeFileSync } from "node:fs";
import type { Shell } from "./helpers.ts";

/** Make ca.pem, and cert.pem with key.pem for 127.0.0.1 and localhost (client.pem, client.key likewise). */
export function certificates(sh: Shell): void {
  writeFileSync(`${sh.dir}/names`, "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  const signed = (name: string, cert: string, key_: string) =>
    `openssl req ${key} -keyout ${key_} -subj /CN=${name} -out req.pem 2>/dev/null &&
     openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out ${cert} 2>/dev/null`;
  sh.must(`openssl req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2 2>/dev/null &&
     ${signed("localhost", "cert.pem", "key.pem")} && ${signed("somebody", "client.pem", "client.key")}`);
}
/** nginx of the directory while `work` runs: http at one free port, https at another; more of its words by `words`. */
export function served(sh: Shell, words: string, work: (http: string, https: string) => void): void {
  const [plain, secure] = sh.must(
    `python3 -c 'import socket
s = [socket.socket() for i in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])'`,
  ).trim().split(" ");
  writeFileSync(
    `${sh.dir}/nginx.conf`,
    `pid ${sh.dir}/nginx.pid; error_log ${sh.dir}/errors; events {} user root;
http { access_log ${sh.dir}/access; client_body_temp_path ${sh.dir}; proxy_temp_path ${sh.dir}; fastcgi_temp_path ${sh.dir};
uwsgi_temp_path ${sh.dir}; scgi_temp_path ${sh.dir};
server { listen 127.0.0.1:${plain}; listen 127.0.0.1:${secure} ssl; root ${sh.dir};
ssl_certificate ${sh.dir}/cert.pem; ssl_certificate_key ${sh.dir}/key.pem; ${words} } }`,
  );
  sh.must("nginx -c $PWD/nginx.conf -e $PWD/errors");
  try {
    work(`http://127.0.0.1:${plain}`, `https://127.0.0.1:${secure}`);
  } finally {
    sh.run("kill $(cat nginx.pid)");
  }
}
