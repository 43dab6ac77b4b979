/** What TCP counts (net.inet.tcp.stats; netstat -s). */

/** See the head of this file; one for all connections of a stack. */
export class Counters {
  segmentsIn = 0;
  segmentsOut = 0;
  dataIn = 0;
  dataOut = 0;
  /** Segments without data: acknowledgments alone; SYN, FIN, RST. */
  acksOut = 0;
  controlOut = 0;
  established = 0;
  closed = 0;
  noPort = 0;
  bytesIn = 0;
  bytesOut = 0;
  retransmitted = 0;
  timeouts = 0;
  probes = 0;
  duplicates = 0;
  outOfOrder = 0;
  afterWindow = 0;
  paws = 0;
  challenges = 0;
  malformed = 0;
  badChecksum = 0;
  resetsOut = 0;
  connects = 0;
  accepts = 0;
  drops = 0;
  keepaliveDrops = 0;
  cookiesSent = 0;
  cookiesGood = 0;
  synDropped = 0;
  spurious = 0;
  ecnMarks = 0;
  ecnReduced = 0;
  /** Acknowledgments of something new, and of how much; that say nothing new; windows that grew alone. */
  acksIn = 0;
  bytesAcked = 0;
  duplicateAcks = 0;
  windowUpdates = 0;
  /** Round trips measured; acknowledgments that had waited for more to acknowledge. */
  measured = 0;
  delayedAcks = 0;
  retransmittedBytes = 0;
  duplicateBytes = 0;
  outOfOrderBytes = 0;
  /** Times a closed window, and a silent peer, were asked about. */
  persistTimeouts = 0;
  keepTimeouts = 0;
  keepProbes = 0;
}
