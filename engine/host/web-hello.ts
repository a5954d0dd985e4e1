/**
 * The first message to a thread of a page, answered when it is there. A thread that speaks up by itself may do so before messages to it
 * are delivered while the one that started it works: then they would wait for each other.
 */
export const HELLO = "hello";
