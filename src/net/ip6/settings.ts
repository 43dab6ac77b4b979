/** What can be set for IPv6 of a stack (sysctl net.inet6.ip6.*, icmp6.*); NetBSD's names and defaults. */

export class Settings6 {
  /** It is a router; it believes routers, where it is none. */
  forwarding = false;
  acceptRtadv = false;
  /** A router tells of better ones; a host listens. */
  redirect = true;
  redirectAccept = true;
  /** Seconds a redirect holds. */
  redirectTimeout = 600;
  hopLimit = 64;
  multicastHopLimit = 1;
  /** Packets that may be incomplete at once, and their pieces in all. */
  maxFragmentPackets = 200;
  maxFragments = 2000;
  /** Headers between IPv6's and the transport's. */
  headerLimit = 50;
  /** Solicitations before an address is ours; 0: none. */
  dadCount = 1;
  /** Connections and sockets have flow labels. */
  autoFlowLabel = true;
  useDeprecated = true;
  /** Addresses that are used for a while (RFC 8981): whether there are, are better than others, and their lives, seconds. */
  useTemporary = false;
  preferTemporary = false;
  temporaryPreferred = 86_400;
  temporaryValid = 604_800;
  v6only = true;
  autoLinkLocal = true;
  /** What a host tells of itself (RFC 4620): 1, its name; 2, its addresses. */
  nodeInfo = 1;
  /** Errors a second. */
  errorsPerSecond = 100;
  /** Seconds a neighbour whose word is old is trusted; solicitations to one, and to all. */
  ndDelay = 5;
  unicastTries = 3;
  multicastTries = 3;
  /** Packets that wait for a neighbour's address. */
  queueLength = 8;
  maxNeighbours = 2048;
  /** Of one interface. */
  maxPrefixes = 16;
  maxRouters = 16;
  /** Routes redirects may make. */
  maxDynamicRoutes = 4096;
}
