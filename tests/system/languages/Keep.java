// SPDX-License-Identifier: Apache-2.0
// Keeps 40 MB beside Java's heap, and as much in it, which no malloc sees.
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

public class Keep {
  public static void main(String[] arguments) {
    List<ByteBuffer> direct = new ArrayList<>();
    List<byte[]> own = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      direct.add(ByteBuffer.allocateDirect(1 << 20));
      own.add(new byte[1 << 20]);
    }
    System.out.println(direct.size() + " " + own.size());
  }
}
