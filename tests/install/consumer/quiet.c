// SPDX-License-Identifier: Apache-2.0
/* Names no function of malloc or heapprof: a linker may think that it needs neither. */
int main(void) { return 0; }
